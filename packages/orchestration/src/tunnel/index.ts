// The face of the tunnel.
export { NodeTunnel } from "./edge/node-tunnel.ts";
export { NodeTunnels } from "./edge/node-tunnels.ts";
