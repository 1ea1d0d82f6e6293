mod arguments;
mod evaluate;
mod found;
mod identity;
mod json;
mod process;
mod render;
mod suggestions;
