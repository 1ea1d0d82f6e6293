mod bad_inputs;
mod emails;
mod matching;
mod phones;
mod properties;
mod vectors;
mod words;
