// The words of the contract (wit/policy.wit), as componentize-qjs spells them: a name in camel case, none as
// null, a case with content as `{ tag, val }`, a number of 64 bits as a number.

/** A Discord id: decimal text, because a 64-bit number is not exact in every language. */
export type Snowflake = string;

/** Milliseconds since 1970-01-01 00:00 UTC. Always below 2^53. */
export type Timestamp = number;

/** A tracked role: one that the operator named in the configuration. */
export interface Role {
  /** Discord's id of the role. */
  id: Snowflake;
  /**
   * The operator's name for the role in the configuration. It outlives a renaming on Discord, so rules
   * should go by it.
   */
  key: string;
  /** The name that the role has on Discord now. */
  name: string;
}

/** The tracked roles that the member holds in another guild that this host serves. */
export interface GuildRoles {
  /** Discord's id of that guild. */
  guild: Snowflake;
  /** The operator's name for that guild in the configuration. */
  key: string;
  /** The roles held there, sorted by key. */
  roles: Role[];
}

/** The person whom the event is about, as a member of the event's guild. */
export interface Member {
  /** Discord's id of the person. */
  id: Snowflake;
  /** The person's name on Discord. It is neither unique nor lasting: for messages, not for rules. */
  username: string;
  /** The tracked roles held after the whole change, sorted by key. Empty once the member left. */
  roles: Role[];
  /** The tracked roles held in the other guilds that this host serves, sorted by the guild's key. */
  elsewhere: GuildRoles[];
  /** When the person joined the guild; none if Discord does not say. */
  joinedAt: Timestamp | null;
  /** True while the person has not passed the guild's membership screening. */
  screening: boolean;
}

/** The media server that this evaluation is about. A host with two of them evaluates once for each. */
export interface Service {
  /** The operator's name for it. */
  key: string;
  /** What it is: `plex`. */
  kind: string;
  /** The names of the libraries that the operator shares, in the server's order. */
  libraries: string[];
}

/**
 * What a member may use.
 *
 * None means the operator's default where access begins, and as it is where access continues.
 */
export interface Grant {
  /** Names of libraries. A list without a name in it is malformed: use `remove` to share nothing. */
  libraries: string[] | null;
  /** Whether media may be downloaded. */
  downloads: boolean | null;
  /** Whether live television may be watched. */
  liveTv: boolean | null;
}

/**
 * Which items stay visible. All lists that are not empty must hold; the values of one list are
 * alternatives. A rule of four empty lists is malformed: use `clear`.
 */
export interface Rule {
  /** The item carries one of these labels. */
  labels: string[];
  /** The item carries none of these labels. */
  notLabels: string[];
  /** The item has one of these content ratings. */
  ratings: string[];
  /** The item has none of these content ratings. */
  notRatings: string[];
}

/** What becomes of the filter of one type of media. */
export type Filter =
  /** Leave it as it is. */
  | { tag: "keep" }
  /** No filter: everything is visible. */
  | { tag: "clear" }
  /** Only what the rule lets through is visible. */
  | { tag: "only"; val: Rule };

/** How a rule goes together with a filter that the owner of the server had set for the member. */
export type Combine =
  /** The owner's filter is put aside, and put back by `unrestrict`. */
  | "replace"
  /**
   * Both must hold. Where the two can't be joined without showing more, the change is held for an
   * administrator.
   */
  | "narrow";

/** Less than everything: the share stays, and with it friendship and watch history. */
export interface Restriction {
  /** Libraries of movies. */
  movies: Filter;
  /** Libraries of television shows. */
  television: Filter;
  /** Libraries of music. */
  music: Filter;
  /** Libraries of photos. */
  photos: Filter;
  /** How the rules go together with the owner's own filters. */
  combine: Combine;
  /** Whether media may be downloaded; none leaves it as it is. */
  downloads: boolean | null;
  /** Whether live television may be watched; none leaves it as it is. */
  liveTv: boolean | null;
  /** End what the member is watching at this moment. A filter alone does not. */
  endStreams: boolean;
}

/**
 * What earlier decisions made true for the member in this guild. Never what the media server happens
 * to show: branch on this.
 */
export type Access =
  /** No access. */
  | { tag: "absent" }
  /** Access to what the grant says. */
  | { tag: "granted"; val: Grant }
  /** Access that was granted and is restricted now. */
  | { tag: "restricted"; val: Restricted };

/** A restricted access remembers what it was before. */
export interface Restricted {
  /** What comes back with `unrestrict`. */
  before: Grant;
  /** What holds meanwhile. */
  restriction: Restriction;
}

/** How far the host has got with what was decided. For messages, not for decisions. */
export type Progress =
  /** The media server agrees with what was decided. */
  | "settled"
  /** The host is at it. */
  | "working"
  /** The member was asked for an e-mail address and has not answered yet. */
  | "asking"
  /** The member did not answer in time. */
  | "ask-expired"
  /** The invitation is out and not accepted yet. */
  | "invited"
  /** The member declined the invitation. */
  | "declined"
  /** The share was ended by the member or the owner, not by the host. */
  | "lost"
  /** An administrator must decide first. */
  | "held"
  /** The media server refuses in a way that repeating can't mend; an administrator was told. */
  | "parked";

/** Asks for an event of cause `wake` at a time to come. */
export interface Wake {
  /** The policy's own name for it. The same tag again replaces the earlier wake. */
  tag: string;
  /** When. At most a year ahead; a member has at most 16 wakes. */
  due: Timestamp;
}

/** What the host remembers of the member's access. */
export interface Account {
  /** What earlier decisions made true. */
  access: Access;
  /** How far the host has got with it. */
  progress: Progress;
  /** True if the host has an e-mail address for the member. The address itself never comes here. */
  identified: boolean;
  /** Since when `access` has the case that it has; none if it never changed. */
  since: Timestamp | null;
  /** The wakes that are still to come, sorted by time. */
  wakes: Wake[];
  /** What `set-memo` stored last, or empty. */
  memo: string;
}

/** Things that happened to the account and not on Discord. */
export type AccountChange =
  /** The member gave an e-mail address. */
  | "identified"
  /** The member did not give one in time. */
  | "ask-expired"
  /** The member accepted the invitation. */
  | "accepted"
  /** The member declined the invitation. */
  | "declined"
  /** The share was ended by the member or the owner. */
  | "left-service"
  /** An administrator removed the member. */
  | "removed-by-admin";

/** Why the member is looked at again without anything having happened to them. */
export type Review =
  /** Another policy, or the same with other settings, took over. */
  | "policy-changed"
  /** The operator tracks other roles than before. */
  | "roles-changed"
  /** An earlier event of this member stayed undecided. */
  | "retry"
  /** An administrator asks. */
  | "asked";

/** A place for what minor versions add. */
export interface Extension {
  /** Its published name. */
  name: string;
  /** Its content as JSON text. */
  json: string;
}

/** What happened. */
export type Cause =
  /** The member received this tracked role. */
  | { tag: "role-added"; val: Role }
  /** The member lost this tracked role. */
  | { tag: "role-removed"; val: Role }
  /** The person left the guild, or was kicked or banned: Discord does not tell these apart. */
  | { tag: "member-left" }
  /** A wake that the policy asked for, by its tag, is due. */
  | { tag: "wake"; val: string }
  /** Something happened to the account and not on Discord. */
  | { tag: "account"; val: AccountChange }
  /** Nothing happened: decide from `member.roles` alone. */
  | { tag: "review"; val: Review }
  /** A cause of a later minor version. Sent only if `metadata.wants` names it. */
  | { tag: "other"; val: Extension };

/** How the host came to know. */
export type Origin =
  /** From Discord's gateway, as it happened. */
  | "live"
  /** By comparing the whole guild with what was stored: it happened at some earlier time. */
  | "sweep"
  /** A time came: a wake, or a prompt that expired. */
  | "timer"
  /** An administrator's command. */
  | "administrator";

/** One thing that happened to one member, and all that is known of them. */
export interface Event {
  /**
   * The event's number in the host's journal, zero-padded, so that ids sort as text. Not derived from a
   * clock.
   */
  id: string;
  /** When the host noticed; for a wake, when it was due. */
  at: Timestamp;
  /** How the host came to know. */
  origin: Origin;
  /** Discord's id of the guild. */
  guild: Snowflake;
  /** The person. */
  member: Member;
  /** The media server. */
  service: Service;
  /** What the host remembers of the member's access. */
  account: Account;
  /** What happened. */
  cause: Cause;
  /** Further facts by name, added by minor versions. Ignore the names that you don't know. */
  facts: [string, string][];
}

/** When a message goes out. */
export type Moment =
  /** With the decision. */
  | "now"
  /** Once the media server agrees with the decision. It lapses if a later decision comes first. */
  | "once-done";

/** A direct message to the member. */
export interface Message {
  /** Plain text, at most 1,800 characters. */
  text: string;
  /** When it goes out. */
  moment: Moment;
}

/**
 * What should follow. Actions are applied from left to right; the published function `apply` says what
 * each makes of the member's access.
 */
export type Action =
  /** Give access. A member without a known e-mail address is asked for it first. */
  | { tag: "invite"; val: Grant }
  /** Keep the share and show less. Never creates a share. (The word `restrict` alone is a keyword in C.) */
  | { tag: "restrict-to"; val: Restriction }
  /** Give back what was there before the restriction. */
  | { tag: "unrestrict" }
  /** End the share and forget the member's e-mail address. */
  | { tag: "remove" }
  /** Share these libraries and no others. */
  | { tag: "set-libraries"; val: string[] }
  /** Send the member a direct message. */
  | { tag: "tell"; val: Message }
  /** Suppress the host's own messages for this decision. */
  | { tag: "quiet" }
  /** Ask for an event at a time to come. */
  | { tag: "wake-at"; val: Wake }
  /** Forget the wake of this tag. */
  | { tag: "cancel-wake"; val: string }
  /** Store a text of at most 4 KiB for the next event of this member. */
  | { tag: "set-memo"; val: string }
  /** An action of a later minor version. A name that the host does not know makes the answer malformed. */
  | { tag: "other"; val: Extension };

/** The policy's answer. */
export interface Decision {
  /** What should follow. An empty list changes nothing. */
  actions: Action[];
  /** One line for the audit channel and for comparing policies: why. */
  reason: string;
}

/** What the policy says of itself. */
export interface Metadata {
  /** Its name, for example `role-restriction`. Wakes belong to a name. */
  name: string;
  /** Its version, for people. */
  version: string;
  /** What it does, in a sentence or two. */
  description: string;
  /** A JSON Schema of its settings; none if it takes no settings or has no schema. */
  settingsSchema: string | null;
  /** Names of causes of later minor versions that it understands. */
  wants: string[];
}

/** A file that the operator gave along with the policy. */
export interface Source {
  /** Its file name, for messages. */
  name: string;
  /** Its text. */
  text: string;
}

/** What a policy exports as `rules`. Whatever is thrown becomes the error, in words for the operator. */
export interface Rules {
  /** Says what the policy is. Called when it is loaded, before `configure`. */
  describe(): Metadata;

  /**
   * Takes the operator's settings, as JSON text: an object, `{}` if there are none. `sources` is empty: only
   * a policy that runs scripts gets some.
   */
  configure(settings: string, sources: Source[]): void;

  /**
   * Decides what follows from one event. What is thrown leaves the event undecided: nothing changes, and the
   * operator is told.
   */
  evaluate(event: Event): Decision;
}
