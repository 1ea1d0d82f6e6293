pub fn postcode_key(text: &str) -> String {
    text.to_owned()
}
pub fn house_number_key(text: &str) -> String {
    text.to_owned()
}
pub fn house_number_of(lines: &[String]) -> String {
    lines.concat()
}
