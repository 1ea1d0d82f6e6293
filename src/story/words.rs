//! How a text becomes the words it is found by.
