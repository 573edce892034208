//! The glue between a policy and the component that it becomes. Only on `wasm32`.

use std::cell::OnceCell;

use crate::{Convert, Policy, Settings, contract};

/// What `wit-bindgen` makes of the contract.
#[allow(missing_docs, clippy::all, clippy::expect_used, clippy::panic, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "policy",
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "rolarr_policy::guest::bindings",
        runtime_path: "::rolarr_policy::guest::runtime",
    });
}

pub use wit_bindgen::rt as runtime;

crate::conversions!(crate::guest::bindings::rolarr::policy::types);

/// The one policy of a module, once it is configured.
pub struct Slot<P>(OnceCell<P>);

impl<P: Policy> Slot<P> {
    /// Not configured yet.
    #[must_use]
    pub const fn empty() -> Self {
        Self(OnceCell::new())
    }

    /// The contract's `configure`.
    ///
    /// # Errors
    ///
    /// The policy's own error, or that it was configured before.
    pub fn configure(
        &self,
        settings: &str,
        sources: Vec<bindings::rolarr::policy::types::Source>,
    ) -> Result<(), String> {
        let policy = P::configure(Settings::new(settings), sources.convert())?;
        self.0.set(policy).map_err(|_| "the policy was configured already".to_owned())
    }

    /// The contract's `evaluate`.
    ///
    /// # Errors
    ///
    /// The policy's own error, or that it was not configured.
    pub fn evaluate(
        &self,
        event: bindings::rolarr::policy::types::Event,
    ) -> Result<bindings::rolarr::policy::types::Decision, String> {
        let policy = self.0.get().ok_or("the policy was not configured")?;
        let event: contract::Event = event.convert();
        policy.evaluate(&event).map(Convert::convert)
    }
}

/// Writes a line to the host's log.
pub(crate) fn log(level: contract::Level, message: &str) {
    use bindings::rolarr::policy::host;
    let level = match level {
        contract::Level::Debug => host::Level::Debug,
        contract::Level::Info => host::Level::Info,
        contract::Level::Warn => host::Level::Warn,
        contract::Level::Error => host::Level::Error,
    };
    host::log(level, message);
}

/// The part of [`export!`](crate::export) that a WebAssembly module needs.
#[doc(hidden)]
#[macro_export]
macro_rules! export_from_wasm {
    ($policy:ty) => {
        const _: () = {
            use $crate::guest::bindings::exports::rolarr::policy::rules;

            ::std::thread_local! {
                static POLICY: $crate::guest::Slot<$policy> = const { $crate::guest::Slot::empty() };
            }

            struct Component;

            impl rules::Guest for Component {
                fn describe() -> rules::Metadata {
                    $crate::Convert::convert(<$policy as $crate::Policy>::describe())
                }

                fn configure(
                    settings: ::std::string::String,
                    sources: ::std::vec::Vec<rules::Source>,
                ) -> ::std::result::Result<(), ::std::string::String> {
                    POLICY.with(|policy| policy.configure(&settings, sources))
                }

                fn evaluate(
                    event: rules::Event,
                ) -> ::std::result::Result<rules::Decision, ::std::string::String> {
                    POLICY.with(|policy| policy.evaluate(event))
                }
            }

    $crate::guest::bindings::export_component!(Component with_types_in $crate::guest::bindings);
        };
    };
}
