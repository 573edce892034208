//! The pipeline's behaviour, in one thread and with virtual time.

mod story;
