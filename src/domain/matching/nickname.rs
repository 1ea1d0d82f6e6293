//! Well-known short forms of given names.

use std::{collections::HashMap, sync::LazyLock};

/// Each line has a name and its common short forms, in English, Dutch, Danish, Norwegian and
/// German. A form may occur in several lines.
const FORMS: &str = "\
robert rob bob bobby robbie bert
william will bill billy willy liam willie
richard rick dick richie rich
elizabeth liz lizzie beth betty eliza elsie betsy libby elisabeth
elisabeth els liesbeth lisbeth lisbet elise lise lis bep betty betsy
margaret maggie meg peggy marge margie greta
margrethe grethe grete greta
margriet griet greet
catherine kate cathy katie kathy cath katherine kathryn
katherine kate katie kathy kat catherine kathryn
katrine trine kari cathrine
katharina kathe katja tina kaatje katinka
thomas tom tommy
james jim jimmy jamie
john jack johnny jon
johannes jan johan hans han joop jo johnny jannes
jonathan jon johnny nathan
michael mike mick mickey mikey
joseph joe joey jos
anthony tony anton ton toon antoon antonius
charles charlie chuck chas
edward ed eddie ted ned teddy
alexander alex al sandy sander lex xander aleksander
alexandra alex sandra sandy lexie
andrew andy drew
andreas andy anders andries dries
daniel dan danny
david dave davy
matthew matt mat mathew
matthijs thijs
mathias mats matti mattias matthias
nicholas nick nicky nico nicolas
nicolaas klaas nico nick
nikolaus klaus claus niko
christopher chris kit topher
christian chris christiaan kristian
kristoffer christoffer stoffer
christina chris tina chrissy kristina christine
kirstine stine kirsten kirsti
christine chris tine kristine chrissy
patrick pat paddy rick
patricia pat patty trish tricia
peter pete
pieter piet peter
samuel sam sammy
samantha sam sammy
sophia sophie sofie sofia fie
benjamin ben benny benji benjy
stephen steve steven
steven steve
stefan stef stefaan steffen
susan sue susie suzy
susanne sanne susan susi
suzanne suus sue suzy
jennifer jen jenny jenn
jessica jess jessie
deborah deb debbie
barbara barb babs barbie
kenneth ken kenny
ronald ron ronnie
donald don donnie
gregory greg
jeffrey jeff geoff geoffrey
timothy tim timmy
theodore ted teddy theo
theodorus theo dorus dirk theodoor
frederick fred freddie freddy
frederik frits fred freek frede
friedrich fritz fred
gerald gerry jerry
gerard gert ger gerrit
gerhard gerd gert
harold harry hal harald
henry harry hank hal
hendrik henk hein rik henny
hendrikus henk hendrik harrie rik
heinrich heinz heiner
lawrence larry laurie
laurens lau lars
laurits lars
leonard leo len lenny leonardus
phillip phil philip flip pip
raymond ray
victoria vicky tori vikki
rebecca becky becca
abigail abby gail
alison ali ally
amanda mandy
angela angie
cynthia cindy
dorothy dot dottie dolly dorothea dorthe thea
eleanor ellie nell nora ellen eleonora
emily em emmy millie
emma em emmy
frances fran franny
francis frank fran
franciscus frans frank cis
franklin frank
florence flo flossie
georgina georgie gina
george georgie
georgius joris sjors
gabrielle gabby gaby
helen nell ellen
helena lena heleen leni
isabella bella izzy isa isabel isabelle
jacob jake jaap jakob
jacobus jaap koos ko sjaak jacques cobus jacob
jacqueline jackie
joanna jo joan
johanna hanna anna hanne jannie jo joke hannie annie
judith judy
julia julie jules
katarina kat rina
louis lou lodewijk ludwig
louise lou lulu
lucy lu lucie lucia
madeline maddie maddy
martin marty mart
martinus martin maarten tinus marten martijn
martha marty patty
mary molly polly
maria mia ria riet marijke mieke mies miep marie mari rie
melissa mel missy
melanie mel
natalie nat
nathaniel nat nate nathan
nancy ann nan
oliver ollie olli
olivia liv livvy
pamela pam
penelope penny
rachel rae
rosemary rose rosie
ruth ruthie
sarah sally sara saar
sebastian seb bas basti bastian
sebastiaan bas bastiaan
stephanie steph stefanie
teresa terry tess tessa theresa
theresia trees thea
valerie val
vincent vince vinnie cent
virginia ginny
walter walt wally wout wouter
zachary zach zack zac
cornelis cor kees cees nelis corneel cornelius
cornelia cor corrie nel nelly lia
adrianus adrie ad arie adriaan adrian janus
adriana adrie jana
wilhelmina mina willy wil wilma mien helma minnie
wilhelm willi willy
willem wim wil pim
bernardus ben bernard bernd berend bert bernhard nard
albertus bert albert bertus ab
albert bert al ab appie
hubertus bert huub huib hubert
lambertus bert lambert bertus
egbertus bert egbert
petronella nel petra ella nelly
hendrika rika riek hennie henny
geertruida truus geertje trudy geert
gertrud trudi gerti
jozefina fien josefien josephine jo josie
margaretha greet griet gretha rita
antonia toni tonia
maximilian max
maximiliaan max
dirk dick diederik theodorus
roelof roel
rudolf rudy ruud rudi rolf
reinier rein
leendert leen
evert eef
everdina dien
gijsbert gijs bert
sijbrand bram
abraham bram abe
mathilde tilly til
josephus jos jef sjef
marinus rinus
augustinus guus stijn
gustav gus gusti gustaaf staf
valentijn tijn
martinus tinus
rasmus erasmus
kristian kris christian
ingeborg inge
magdalena lena malene magda leni
birgitte gitte birgit britt birte
elisabet lisbet
charlotte lotte lottie charlie lot
liselotte lotte lise
antoinette nettie toinette
hermann herman harm
josef sepp jos
ursula uschi
sabine bine
sebastian basti
";

/// The forms of each name.
static NAMES: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let mut names: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in FORMS.lines() {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        names.entry(name).or_default().extend(words);
    }
    names
});

/// Whether one of two folded given names is a short form of the other. Two forms of the same name
/// do not count: Jan and Hans are both short for Johannes, and are two people.
pub(super) fn is_form(one: &str, other: &str) -> bool {
    let holds = |name, form| NAMES.get(name).is_some_and(|forms| forms.contains(&form));
    holds(one, other) || holds(other, one)
}

#[cfg(test)]
mod tests {
    use super::is_form;

    #[test]
    fn short_forms_are_known() {
        for (name, form) in [
            ("robert", "bob"),
            ("william", "bill"),
            ("cornelis", "kees"),
            ("johannes", "hans"),
            ("nicolaas", "klaas"),
            ("elisabeth", "liesbeth"),
            ("kirstine", "stine"),
            ("friedrich", "fritz"),
        ] {
            assert!(is_form(name, form) && is_form(form, name), "{name} {form}");
        }
        for (one, other) in [("robert", "william"), ("anna", "peter"), ("jan", "hans")] {
            assert!(!is_form(one, other), "{one} {other}");
        }
    }
}
