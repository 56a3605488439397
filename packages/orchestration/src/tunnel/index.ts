// The face of the tunnel.
export { NodeTunnel, type NodeTunnelOptions } from "./edge/node-tunnel.ts";
export { NodeTunnels, type NodeTunnelsOptions } from "./edge/node-tunnels.ts";
