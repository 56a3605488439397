// The few pages for people: where things are, and the way in by one-time link.
import { hash } from "node:crypto";
import type { Subject } from "@warrener/access";

const style = `
:root { color-scheme: light dark; --ink: #1c1f23; --paper: #fdfdfb; --soft: #5b636d; --line: #d9dcdf; --accent: #0b5d8a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaec; --paper: #15181b; --soft: #a3acb5; --line: #363c42; --accent: #79c2ee; }
}
body { font: 1rem/1.6 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 44rem; margin: 3rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2rem 0 .5rem; }
p.lead { color: var(--soft); margin-top: 0; }
a { color: var(--accent); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .4rem 1.25rem; border-top: 1px solid var(--line); padding-top: 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
pre { background: color-mix(in srgb, var(--ink) 7%, var(--paper)); padding: .75rem 1rem; border-radius: .4rem; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: .92em ui-monospace, monospace; }
label { display: block; margin-bottom: .3rem; }
input, button { font: inherit; color: inherit; padding: .5rem .75rem; border-radius: .4rem; border: 1px solid var(--soft); background: transparent; }
input { width: 20rem; max-width: 100%; box-sizing: border-box; }
button { cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
[role=alert] { border-left: 4px solid #c0392b; padding-left: .75rem; }
`;

/** Reads the code from behind the `#`, which the server never sees in a request line or a log, and hands it in; also when a newer link is opened on this very page. */
const helloScript = `
function handIn() {
  const code = decodeURIComponent(location.hash.slice(1));
  if (!code) return;
  history.replaceState(null, "", "/hello");
  const form = document.forms[0];
  form.elements.code.value = code;
  form.submit();
}
handIn();
addEventListener("hashchange", handIn);
`;

/** For every page: nothing from elsewhere, and no script but the one above. */
export const pageHeaders: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "content-security-policy": [
    "default-src 'none'",
    `style-src 'sha256-${hash("sha256", style, "base64")}'`,
    `script-src 'sha256-${hash("sha256", helloScript, "base64")}'`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
};

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

/** Where things are. */
export function rootPage(url: string, subject: Subject | undefined): string {
  const who = subject
    ? `<p>You are signed in as <strong>${escape(subject.name)}</strong>.</p>
<form method="post" action="/goodbye"><button>Sign out</button></form>`
    : `<p>You are not signed in. <a href="/hello">Enter a one-time code</a>, or use an API token.</p>`;
  return page(
    "Warrener",
    `<h1>Warrener</h1>
<p class="lead">Files and messages in, through queues, to workers, and an answer for all of it.</p>
${who}
<dl>
<dt>REST</dt><dd><a href="/docs">/docs</a> to read and try, <a href="/openapi.json">/openapi.json</a> for programs</dd>
<dt>Files</dt><dd><a href="/api/v1/files">/api/v1/files</a></dd>
<dt>Health</dt><dd><a href="/healthz">/healthz</a></dd>
<dt>Metrics</dt><dd><a href="/metrics">/metrics</a></dd>
</dl>
<h2>Send a file</h2>
<pre><code>export TOKEN=$(npx warrener token create)
curl -H "Authorization: Bearer $TOKEN" -F "file=@visits.csv" ${escape(url)}/api/v1/files
curl -H "Authorization: Bearer $TOKEN" --json '{"queue":"visits","as":"rows"}' ${escape(url)}/api/v1/files/ID/send
curl -N -H "Authorization: Bearer $TOKEN" -H "Accept: text/event-stream" ${escape(url)}/api/v1/files/ID/journey</code></pre>`,
  );
}

/** The way in. @param failure why the last try did not work */
export function helloPage(failure?: string): string {
  const alert = failure === undefined ? "" : `<p role="alert">${escape(failure)}</p>`;
  return page(
    "Sign in · Warrener",
    `<h1>Sign in</h1>
<p class="lead">The one-time code was printed when Warrener started first; <code>npx warrener token link</code> makes a new one.</p>
${alert}
<form method="post" action="/hello">
<p><label for="code">One-time code</label>
<input id="code" name="code" required autofocus autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" placeholder="7Q4M-2KXD-…"></p>
<button>Sign in</button>
</form>
<script>${helloScript}</script>`,
  );
}

function escape(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}
