mod bad_inputs;
mod calendar;
mod case_pass;
mod customer_search;
mod emails;
mod matching;
mod phones;
mod properties;
mod purchase;
mod quote;
mod redaction;
mod vectors;
mod words;

use throughline::story::blocked::Blocked;

/// What names nobody where nothing is configured.
const BUILT_IN: Option<&Blocked> = Some(&Blocked::BUILT_IN);
