//! The adapter to Discord against a simulated Discord over real sockets.

#[cfg(test)]
mod discord {
    mod answers;
    mod bot;
    mod endings;
    mod events;
    mod rest;
    mod silence;
    mod storms;
}
