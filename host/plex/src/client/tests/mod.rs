//! What is sent, and what is made of the answers.

mod lists;
mod script;
mod settings;
mod streams;
mod writes;
