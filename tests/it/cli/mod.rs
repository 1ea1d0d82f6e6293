mod arguments;
mod json;
mod process;
mod render;
