mod arguments;
mod evaluate;
mod json;
mod process;
mod render;
