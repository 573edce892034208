//! Which policy decides.
//!
//! A policy is swapped while events go on: the new one is loaded and tried on the last recorded events beside
//! the old one, and takes over between two decisions. Anything that fails leaves the old one in force. A swap
//! by itself changes nothing for anybody: that takes `rollout`, which asks the policy about every member, and
//! goes through the brake.
//!
//! | Part | What is there |
//! |---|---|
//! | `reload` | a new policy takes over, or an earlier one again |
//! | `ordered` | orders to let another policy take over |
//! | `watch` | the policy's file is looked at, so that a change of it is taken in |
//! | `rollout` | what the policy would decide about every member, and letting it |
//! | `names` | what a policy names is held against what there is |
//! | `shadow` | a candidate that is asked about each event and has no effect |

pub(super) mod names;
pub(super) mod ordered;
pub(super) mod reload;
pub(super) mod rollout;
pub(super) mod shadow;
pub(super) mod watch;
