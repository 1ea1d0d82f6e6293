mod arguments;
mod found;
mod json;
mod process;
mod render;
