//! Plans over worlds: each test is a sentence, a world that states only what matters, and the plan's text.
#![allow(clippy::unwrap_used)]

mod world;

mod bounded;
mod brakes;
mod concluded;
mod converging;
mod counted;
mod creates;
mod cutovers;
mod divided;
mod drift;
mod edited;
mod exits;
mod fallback;
mod fixed;
mod found;
mod gone;
mod held;
mod in_use;
mod lint;
mod memory;
mod older;
mod on_edit;
mod ours;
mod promises;
mod ready;
mod recognised;
mod registered;
mod requests;
mod rules;
mod said;
mod stops;
mod tagged;
mod teardown;
