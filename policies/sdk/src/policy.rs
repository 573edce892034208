//! What a policy implements, and how it is exported.

use crate::Settings;
use crate::contract::{Decision, Event, Metadata, Source};

/// The rules.
///
/// The host loads a policy once: [`describe`](Policy::describe), then [`configure`](Policy::configure). The
/// memory that this leaves behind is kept, and every event starts from it, in an instance of its own. So
/// whatever `evaluate` changes in a static or a cell is gone with the next event. What must outlive an
/// event is stored with [`Action::SetMemo`](crate::contract::Action::SetMemo).
///
/// There is no clock, no randomness, no file and no network: the same event always gives the same decision.
pub trait Policy: Sized + 'static {
    /// Says what the policy is.
    fn describe() -> Metadata;

    /// Takes the operator's settings. `sources` are the script files if the policy runs scripts, else
    /// empty.
    ///
    /// # Errors
    ///
    /// A text that tells the operator what to change. The policy is then not used.
    fn configure(settings: Settings<'_>, sources: Vec<Source>) -> Result<Self, String>;

    /// Decides what follows from one event.
    ///
    /// # Errors
    ///
    /// A text that tells the operator why there is no decision. The event stays undecided: nothing changes
    /// for the member, and the operator is told. For "nothing should follow" use
    /// [`Decision::nothing`](crate::contract::Decision::nothing).
    fn evaluate(&self, event: &Event) -> Result<Decision, String>;
}

/// Exports a [`Policy`] from a WebAssembly module. On other targets it only checks that the type is a
/// policy, so that the same crate is tested natively.
///
/// ```ignore
/// rolarr_policy::export!(MyPolicy);
/// ```
#[macro_export]
macro_rules! export {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        $crate::export_from_wasm!($policy);
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            const fn is_a_policy<P: $crate::Policy>() {}
            is_a_policy::<$policy>();
        };
    };
}
