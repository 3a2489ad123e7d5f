//! What the engine knows about text as such: search terms, token counts and passages.
//!
//! Pure functions of their input. Nothing here knows a scope, a store or a clock, and nothing may panic or take
//! more than about linear time, whatever text it is given.

pub mod dates;
pub mod passages;
pub mod standing;
pub mod terms;
pub mod tokens;
pub mod wording;

mod script;
mod stop_words;
