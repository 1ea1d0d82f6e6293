//! Function words that indicate the language of a text.

use super::stem::Language;

/// Frequent words of one language group that do not occur in the others.
const DUTCH: &str = "aan bent bij daar dan deze dit doen een gaat geen graag heb hebben \
    heeft het hij hoe hoi ik jij jullie kunnen maar mij mijn moet naar niet nog omdat ons \
    onze ook te uit uw van voor waar waarom wanneer wat wel werd wij wil worden wordt ze zijn \
    zou";
const NORDIC: &str = "av ble blev da deg denne dere det dette dig din eller et fordi fra \
    ganske gerne gjerne har hei hej hva hvad hvis hvor hvordan hvorfor ikke jeg jer kunne med \
    meg mig mit mitt nar noe noen nogen noget og ogsa oss pa pga sa seg sig skal som til uden \
    uten vaere vaeret vaert vart ved vil vores";
const ENGLISH: &str = "am and any are because been but can cannot could did does from has \
    have how if it its my not or our please she should than that the their them there they \
    this to up us were what when where which who why will with would you your";

/// A bit for each language that a token indicates; `word` is the folded token.
pub(super) fn of(token: &str, word: &str) -> u8 {
    let bit = |language: Language, is: bool| u8::from(is) << language as u8;
    let listed = |list: &str| list.split(' ').any(|listed| listed == word);
    bit(Language::Dutch, listed(DUTCH))
        | bit(Language::Nordic, listed(NORDIC) || token.contains(['å', 'ø', 'æ', 'Å', 'Ø', 'Æ']))
        | bit(Language::English, listed(ENGLISH))
}
