mod arguments;
mod identity;
mod json;
mod process;
mod render;
