pub fn fold_name(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_lowercase).collect()
}
