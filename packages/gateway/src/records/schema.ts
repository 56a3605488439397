// The tables behind the records.

export const schema = `
  CREATE TABLE IF NOT EXISTS files (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
    owner TEXT NOT NULL, origin TEXT, created_at INTEGER NOT NULL, revision INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX IF NOT EXISTS files_by_origin ON files (origin) WHERE origin IS NOT NULL;

  CREATE TABLE IF NOT EXISTS sends (
    id TEXT PRIMARY KEY, file TEXT NOT NULL REFERENCES files ON DELETE CASCADE,
    state TEXT NOT NULL, record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS sends_by_file ON sends (file);
  CREATE INDEX IF NOT EXISTS sends_running ON sends (state) WHERE state = 'running';

  CREATE TABLE IF NOT EXISTS outcomes (
    position INTEGER PRIMARY KEY,
    file TEXT NOT NULL REFERENCES files ON DELETE CASCADE, queue TEXT NOT NULL, message_id TEXT NOT NULL,
    row INTEGER NOT NULL, rows INTEGER NOT NULL, outcome TEXT NOT NULL, attempt INTEGER NOT NULL,
    retries INTEGER NOT NULL, worker TEXT NOT NULL, at INTEGER NOT NULL, error TEXT,
    UNIQUE (file, queue, message_id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS outcomes_not_done ON outcomes (file, outcome, position) WHERE outcome <> 'done';

  CREATE TABLE IF NOT EXISTS tallies (
    file TEXT NOT NULL REFERENCES files ON DELETE CASCADE, queue TEXT NOT NULL, worker TEXT NOT NULL,
    done INTEGER NOT NULL, dead INTEGER NOT NULL, retrying INTEGER NOT NULL, retries INTEGER NOT NULL,
    PRIMARY KEY (file, queue, worker)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE IF NOT EXISTS keys (
    subject TEXT NOT NULL, key TEXT NOT NULL, claimed_at INTEGER NOT NULL,
    fingerprint TEXT, status INTEGER, headers TEXT, body TEXT,
    PRIMARY KEY (subject, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS keys_by_age ON keys (claimed_at);
`;
