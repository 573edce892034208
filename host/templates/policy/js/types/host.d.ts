/** What Rolarr offers to a policy. There is nothing else. */
declare module "rolarr:policy/host@1.0.0" {
  /** Writes a line to the host's log, beside the event's id. The host limits lines and bytes per event. */
  export function log(level: "debug" | "info" | "warn" | "error", message: string): void;
}
