// {{name}}: what follows when a member's roles change.
//
// Rolarr calls `configure` when the policy is loaded and `evaluate` for each event, each time from the memory
// that `configure` left behind: nothing is kept from one event to the next. That is why nothing is freed here.
// Texts that are given to Rolarr are copies (`rolarr_string_dup`): it frees them.
//
// bindings/rolarr.h describes every word. There is no clock, no randomness, no file, no network and no printf.

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/rolarr.h"
#include "settings.h"

// The label that a restricted member's filters ask for. No item carries it, so nothing is shown.
static const char *label = "noAccess";

void exports_rules_describe(rolarr_metadata_t *metadata) {
  memset(metadata, 0, sizeof *metadata);
  rolarr_string_dup(&metadata->name, "{{name}}");
  rolarr_string_dup(&metadata->version, "0.1.0");
  rolarr_string_dup(&metadata->description,
                    "A member with a tracked role has access. Without one the share stays and shows nothing. "
                    "Who leaves the Discord server is removed.");
  metadata->settings_schema.is_some = true;
  rolarr_string_dup(&metadata->settings_schema.val,
                    "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
                    "\"label\": {\"type\": \"string\", \"minLength\": 1, \"default\": \"noAccess\"}}}");
}

// The error is shown to the operator.
bool exports_rules_configure(rolarr_string_t *settings, exports_rules_list_source_t *sources,
                             rolarr_string_t *error) {
  (void)sources;
  const char *mistake = read_settings((const char *)settings->ptr, settings->len, &label);
  if (mistake == NULL) return true;
  rolarr_string_dup(error, mistake);
  return false;
}

// A text made of texts; the last argument is NULL.
static rolarr_string_t join(const char *first, ...) {
  char *text = strdup(first);
  va_list parts;
  va_start(parts, first);
  for (const char *part; text != NULL && (part = va_arg(parts, const char *)) != NULL;) {
    text = realloc(text, strlen(text) + strlen(part) + 1);
    if (text != NULL) strcat(text, part);
  }
  va_end(parts);
  if (text == NULL) abort();
  return (rolarr_string_t){(uint8_t *)text, strlen(text)};
}

// The contract's texts don't end with a zero.
static const char *terminated(rolarr_string_t text) {
  char *copy = strndup((const char *)text.ptr, text.len);
  if (copy == NULL) abort();
  return copy;
}

static rolarr_decision_t nothing(rolarr_string_t reason) {
  return (rolarr_decision_t){{NULL, 0}, reason};
}

static rolarr_decision_t decide(rolarr_action_t action, rolarr_string_t reason) {
  rolarr_action_t *actions = malloc(sizeof action);
  if (actions == NULL) abort();
  *actions = action;
  return (rolarr_decision_t){{actions, 1}, reason};
}

// Only what carries the label. Each filter has a list of its own.
static rolarr_filter_t labelled(void) {
  rolarr_string_t *labels = malloc(sizeof *labels);
  if (labels == NULL) abort();
  rolarr_string_dup(labels, label);
  return (rolarr_filter_t){ROLARR_FILTER_ONLY, {.only = {.labels = {labels, 1}}}};
}

// Of movies and television only what carries the label. The rest stays as it is: that is what zero means.
static rolarr_action_t restrict_member(void) {
  rolarr_restriction_t restriction = {.movies = labelled(), .television = labelled()};
  // A filter alone leaves what is playing on.
  restriction.end_streams = true;
  return (rolarr_action_t){ROLARR_ACTION_RESTRICT_TO, {.restrict_to = restriction}};
}

// The member holds a tracked role.
static rolarr_decision_t with_role(const rolarr_account_t *account, const char *why) {
  switch (account->access.tag) {
    case ROLARR_ACCESS_ABSENT:
      // The grant says nothing: it is what the operator configured.
      return decide((rolarr_action_t){.tag = ROLARR_ACTION_INVITE}, join(why, NULL));
    case ROLARR_ACCESS_RESTRICTED:
      return decide((rolarr_action_t){.tag = ROLARR_ACTION_UNRESTRICT}, join(why, NULL));
    default:
      return nothing(join(why, ", and access already", NULL));
  }
}

// Nothing is shared, and no question for the address stands either.
static bool has_nothing(const rolarr_account_t *account) {
  return account->access.tag == ROLARR_ACCESS_ABSENT && account->progress != ROLARR_PROGRESS_ASKING;
}

// The member holds no tracked role.
static rolarr_decision_t without_role(const rolarr_account_t *account, const char *why) {
  if (account->access.tag == ROLARR_ACCESS_RESTRICTED) {
    return nothing(join(why, ", and is restricted already", NULL));
  }
  if (has_nothing(account)) return nothing(join(why, ", and had no access", NULL));
  // This closes an open question for the address, too.
  return decide(restrict_member(), join(why, NULL));
}

// The member left the Discord server.
static rolarr_decision_t left(const rolarr_account_t *account, const char *why) {
  if (has_nothing(account)) return nothing(join(why, ", and had no access", NULL));
  return decide((rolarr_action_t){.tag = ROLARR_ACTION_REMOVE}, join(why, NULL));
}

bool exports_rules_evaluate(rolarr_event_t *event, rolarr_decision_t *decision, rolarr_string_t *error) {
  (void)error;
  const rolarr_account_t *account = &event->account;
  const rolarr_cause_t *cause = &event->cause;
  const char *held = event->member.roles.len > 0 ? terminated(event->member.roles.ptr[0].key) : NULL;
  switch (cause->tag) {
    case ROLARR_CAUSE_ROLE_ADDED: {
      rolarr_string_t why = join("has the role `", terminated(cause->val.role_added.key), "` now", NULL);
      *decision = with_role(account, terminated(why));
      break;
    }
    case ROLARR_CAUSE_ROLE_REMOVED:
      if (held != NULL) {
        *decision = nothing(join("still has the role `", held, "`", NULL));
      } else {
        rolarr_string_t why = join("lost the last role `", terminated(cause->val.role_removed.key), "`", NULL);
        *decision = without_role(account, terminated(why));
      }
      break;
    case ROLARR_CAUSE_MEMBER_LEFT:
      *decision = left(account, "left the Discord server");
      break;
    case ROLARR_CAUSE_REVIEW:
      if (held != NULL) {
        *decision = with_role(account, terminated(join("has the role `", held, "`", NULL)));
      } else {
        *decision = without_role(account, "has no tracked role");
      }
      break;
    case ROLARR_CAUSE_WAKE:
      *decision = nothing(join("this policy asks for no wakes", NULL));
      break;
    case ROLARR_CAUSE_ACCOUNT:
      *decision = nothing(join("only roles count for this policy", NULL));
      break;
    default: {
      rolarr_string_t line = join("nothing is done about a cause of a later version", NULL);
      host_log(HOST_LEVEL_DEBUG, &line);
      *decision = nothing(join("this policy asks for no other causes", NULL));
    }
  }
  return true;
}
