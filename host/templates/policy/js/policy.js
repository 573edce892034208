// {{name}}: what follows when a member's roles change.
//
// Rolarr calls `configure` when the policy is loaded and `evaluate` for each event, each time in a fresh
// engine: nothing is kept from one event to the next. types/policy.d.ts describes every word; an editor shows
// it. There is no clock, no randomness, no file, no network and no `console`.

import { log } from "rolarr:policy/host@1.0.0";

/** The label that a restricted member's filters ask for. No item carries it, so nothing is shown. */
let label = "noAccess";

/** @type {import("./types/policy").Rules} */
export const rules = {
  describe() {
    return {
      name: "{{name}}",
      version: "0.1.0",
      description:
        "A member with a tracked role has access. Without one the share stays and shows nothing. " +
        "Who leaves the Discord server is removed.",
      settingsSchema: JSON.stringify({
        type: "object",
        additionalProperties: false,
        properties: { label: { type: "string", minLength: 1, default: "noAccess" } },
      }),
      wants: [],
    };
  },

  // What is thrown is shown to the operator.
  configure(settings) {
    const { label: wanted = "noAccess", ...others } = JSON.parse(settings);
    for (const name of Object.keys(others)) {
      throw `there is no setting \`${name}\`; there is \`label\``;
    }
    if (typeof wanted !== "string" || wanted === "") {
      throw "setting `label`: it must be a text that is not empty";
    }
    label = wanted;
  },

  evaluate(event) {
    const { cause, member } = event;
    switch (cause.tag) {
      case "role-added":
        return withRole(event, `has the role \`${cause.val.key}\` now`);
      case "role-removed":
        return member.roles.length > 0
          ? nothing(`still has the role \`${member.roles[0].key}\``)
          : withoutRole(event, `lost the last role \`${cause.val.key}\``);
      case "member-left":
        return left(event, "left the Discord server");
      case "review":
        return member.roles.length > 0
          ? withRole(event, `has the role \`${member.roles[0].key}\``)
          : withoutRole(event, "has no tracked role");
      case "wake":
        return nothing("this policy asks for no wakes");
      case "account":
        return nothing("only roles count for this policy");
      default:
        log("debug", `nothing is done about \`${cause.tag}\``);
        return nothing("this policy asks for no other causes");
    }
  },
};

/**
 * The member holds a tracked role.
 * @param {import("./types/policy").Event} event
 * @param {string} why
 */
function withRole({ account }, why) {
  switch (account.access.tag) {
    case "absent":
      // None of the three is said: it is what the operator configured.
      return decision([{ tag: "invite", val: { libraries: null, downloads: null, liveTv: null } }], why);
    case "restricted":
      return decision([{ tag: "unrestrict" }], why);
    case "granted":
      return nothing(`${why}, and access already`);
  }
}

/**
 * The member holds no tracked role.
 * @param {import("./types/policy").Event} event
 * @param {string} why
 */
function withoutRole({ account }, why) {
  if (account.access.tag === "restricted") {
    return nothing(`${why}, and is restricted already`);
  }
  // Nothing is shared, but a question for the address may still stand: the restriction closes it.
  if (account.access.tag === "absent" && account.progress !== "asking") {
    return nothing(`${why}, and had no access`);
  }
  return decision([{ tag: "restrict-to", val: restriction() }], why);
}

/**
 * The member left the Discord server.
 * @param {import("./types/policy").Event} event
 * @param {string} why
 */
function left({ account }, why) {
  if (account.access.tag === "absent" && account.progress !== "asking") {
    return nothing(`${why}, and had no access`);
  }
  return decision([{ tag: "remove" }], why);
}

/**
 * Of movies and television only what carries the label. The rest stays as it is.
 * @returns {import("./types/policy").Restriction}
 */
function restriction() {
  /** @type {import("./types/policy").Filter} */
  const labelled = {
    tag: "only",
    val: { labels: [label], notLabels: [], ratings: [], notRatings: [] },
  };
  return {
    movies: labelled,
    television: labelled,
    music: { tag: "keep" },
    photos: { tag: "keep" },
    combine: "replace",
    downloads: null,
    liveTv: null,
    // A filter alone leaves what is playing on.
    endStreams: true,
  };
}

/**
 * @param {import("./types/policy").Action[]} actions
 * @param {string} reason
 * @returns {import("./types/policy").Decision}
 */
function decision(actions, reason) {
  return { actions, reason };
}

/** @param {string} reason */
function nothing(reason) {
  return decision([], reason);
}
