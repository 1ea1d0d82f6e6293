mod bad_inputs;
mod customer_search;
mod emails;
mod phones;
mod properties;
mod vectors;
mod words;
