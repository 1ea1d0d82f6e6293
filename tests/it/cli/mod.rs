mod arguments;
mod identity;
mod found;
mod json;
mod process;
mod render;
