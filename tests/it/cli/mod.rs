mod arguments;
mod found;
mod identity;
mod json;
mod process;
mod render;
mod suggestions;
