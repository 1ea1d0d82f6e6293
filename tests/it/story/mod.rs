mod bad_inputs;
mod emails;
mod phones;
mod properties;
mod vectors;
mod words;
