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

use throughline::domain::blocked::Blocked;

/// The blocked values without configuration.
const BUILT_IN: Option<&Blocked> = Some(&Blocked::BUILT_IN);
