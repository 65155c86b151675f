//! English plurals, as providers' tools form them for the names of CustomResourceDefinitions.
//!
//! The rules are those of the library flect that providers generate names with: names must agree with it, also where
//! English does not. A word is looked up whole first, then its ending among irregular words, then among regular endings.

/// The plural of a word in lower case. A word that is a plural already stays as it is, and so does no word at all.
pub fn plural(word: &str) -> String {
    if word.is_empty() {
        return String::new();
    }
    if let Some((_, plural)) =
        ABBREVIATIONS.iter().chain(WHOLE).chain(WORDS).find(|(singular, _)| *singular == word)
    {
        return (*plural).to_owned();
    }
    if ABBREVIATIONS_IN_S.contains(&word) {
        // Not a word, and no name that Kubernetes would accept, but what the rules say.
        return format!("{word}{}es", word.to_uppercase());
    }
    if is_plural(word) {
        return word.to_owned();
    }
    // Later words go before earlier ones, as with rules that were added one after the other.
    let endings = WORDS.iter().rev().chain(ENDINGS);
    for (singular, plural) in endings {
        if word.ends_with(plural) {
            return word.to_owned();
        }
        if let Some(stem) = word.strip_suffix(singular) {
            return format!("{stem}{plural}");
        }
    }
    if word.ends_with('s') { word.to_owned() } else { format!("{word}s") }
}

/// Whether the word is the plural of an irregular one.
fn is_plural(word: &str) -> bool {
    WHOLE.iter().chain(WORDS).any(|(singular, plural)| *plural == word && !ONE_WAY.contains(singular))
        || OTHER_PLURALS.contains(&word)
}

/// Abbreviations that take an s although their ending suggests otherwise.
const ABBREVIATIONS: &[(&str, &str)] = &[("eia", "eias"), ("ssh", "sshs"), ("tia", "tias")];

/// Abbreviations that end in s.
const ABBREVIATIONS_IN_S: &[&str] =
    &["aes", "bss", "cmos", "des", "dns", "ess", "fcs", "https", "ids", "ips", "mpls", "pots"];

/// Irregular words that are only looked up whole: longer words with the same ending are regular.
const WHOLE: &[(&str, &str)] = &[
    ("ox", "oxen"),
    ("louse", "lice"),
    ("die", "dice"),
    ("axis", "axes"),
    ("alias", "aliases"),
    ("use", "uses"),
    ("toe", "toes"),
];

/// Irregular words; what ends like one of them follows it.
const WORDS: &[(&str, &str)] = &[
    ("aircraft", "aircraft"),
    ("beef", "beef"),
    ("bison", "bison"),
    ("blues", "blues"),
    ("chassis", "chassis"),
    ("deer", "deer"),
    ("fish", "fish"),
    ("moose", "moose"),
    ("police", "police"),
    ("salmon", "salmon"),
    ("series", "series"),
    ("sheep", "sheep"),
    ("shrimp", "shrimp"),
    ("species", "species"),
    ("swine", "swine"),
    ("trout", "trout"),
    ("tuna", "tuna"),
    ("you", "you"),
    ("child", "children"),
    ("foot", "feet"),
    ("goose", "geese"),
    ("man", "men"),
    ("human", "humans"),
    ("mouse", "mice"),
    ("tooth", "teeth"),
    ("woman", "women"),
    ("person", "people"),
    ("adieu", "adieux"),
    ("fabliau", "fabliaux"),
    ("bureau", "bureaus"),
    ("criterion", "criteria"),
    ("ganglion", "ganglia"),
    ("lexicon", "lexica"),
    ("mitochondrion", "mitochondria"),
    ("noumenon", "noumena"),
    ("phenomenon", "phenomena"),
    ("taxon", "taxa"),
    ("media", "media"),
    ("medium", "media"),
    ("stadium", "stadiums"),
    ("aquarium", "aquaria"),
    ("auditorium", "auditoria"),
    ("symposium", "symposia"),
    ("curriculum", "curriculums"),
    ("quota", "quotas"),
    ("alumnus", "alumni"),
    ("bacillus", "bacilli"),
    ("cactus", "cacti"),
    ("coccus", "cocci"),
    ("focus", "foci"),
    ("locus", "loci"),
    ("nucleus", "nuclei"),
    ("octopus", "octupuses"),
    ("radius", "radii"),
    ("syllabus", "syllabi"),
    ("corpus", "corpora"),
    ("genus", "genera"),
    ("alumna", "alumnae"),
    ("vertebra", "vertebrae"),
    ("differentia", "differentiae"),
    ("minutia", "minutiae"),
    ("vita", "vitae"),
    ("larva", "larvae"),
    ("postcava", "postcavae"),
    ("praecava", "praecavae"),
    ("uva", "uvae"),
    ("apex", "apices"),
    ("codex", "codices"),
    ("index", "indices"),
    ("latex", "latices"),
    ("vertex", "vertices"),
    ("vortex", "vortices"),
    ("appendix", "appendices"),
    ("radix", "radices"),
    ("helix", "helices"),
    ("crisis", "crises"),
    ("ellipsis", "ellipses"),
    ("genesis", "geneses"),
    ("oasis", "oases"),
    ("thesis", "theses"),
    ("testis", "testes"),
    ("base", "bases"),
    ("basis", "bases"),
    ("vedalia", "vedalias"),
    ("abuse", "abuses"),
    ("cause", "causes"),
    ("clause", "clauses"),
    ("cruse", "cruses"),
    ("excuse", "excuses"),
    ("fuse", "fuses"),
    ("house", "houses"),
    ("misuse", "misuses"),
    ("muse", "muses"),
    ("pause", "pauses"),
    ("ache", "aches"),
    ("topaz", "topazes"),
    ("buffalo", "buffaloes"),
    ("potato", "potatoes"),
    ("tomato", "tomatoes"),
    ("equipment", "equipment"),
    ("information", "information"),
    ("jeans", "jeans"),
    ("money", "money"),
    ("news", "news"),
    ("rice", "rice"),
    ("dwarf", "dwarfs"),
    ("hoof", "hoofs"),
    ("thief", "thieves"),
    ("chive", "chives"),
    ("hive", "hives"),
    ("move", "moves"),
    ("movie", "movies"),
    ("cookie", "cookies"),
    ("pretorium", "pretoriums"),
    ("agenda", "agendas"),
    ("formula", "formulas"),
    ("shoe", "shoes"),
    ("graffiti", "graffiti"),
];

/// Words whose plural is, by itself, no sign of a plural.
const ONE_WAY: &[&str] = &["blues", "medium", "ellipsis", "basis"];

/// Plurals of irregular words beside the one that is formed.
const OTHER_PLURALS: &[&str] = &[
    "beefs",
    "fishes",
    "salmons",
    "shrimps",
    "swines",
    "trouts",
    "tunas",
    "adieus",
    "bureaux",
    "ganglions",
    "lexicons",
    "mitochondrions",
    "stadia",
    "aquariums",
    "auditoriums",
    "symposiums",
    "curricula",
    "alumnuses",
    "cactuses",
    "focuses",
    "locuses",
    "nucleuses",
    "octopi",
    "radiuses",
    "corpuses",
    "apexes",
    "codexes",
    "indexes",
    "latexes",
    "vertexes",
    "vortexes",
    "appendixes",
    "radixes",
    "helixes",
    "buffalos",
    "dwarves",
    "hooves",
    "formulae",
];

/// Regular endings, the first that fits counts.
const ENDINGS: &[(&str, &str)] = &[
    ("tive", "tives"),
    ("eaf", "eaves"),
    ("oaf", "oaves"),
    ("afe", "aves"),
    ("arf", "arves"),
    ("rfe", "rves"),
    ("rf", "rves"),
    ("lf", "lves"),
    ("fe", "ves"),
    ("ay", "ays"),
    ("ey", "eys"),
    ("oy", "oys"),
    ("quy", "quies"),
    ("uy", "uys"),
    ("y", "ies"),
    ("eau", "eaux"),
    ("bula", "bulae"),
    ("dula", "bulae"),
    ("lula", "bulae"),
    ("nula", "bulae"),
    ("vula", "bulae"),
    ("hedron", "hedra"),
    ("ium", "ia"),
    ("seum", "seums"),
    ("eum", "ea"),
    ("oum", "oa"),
    ("stracum", "straca"),
    ("dum", "da"),
    ("elum", "ela"),
    ("ilum", "ila"),
    ("olum", "ola"),
    ("ulum", "ula"),
    ("llum", "lla"),
    ("ylum", "yla"),
    ("imum", "ima"),
    ("ernum", "erna"),
    ("gnum", "gna"),
    ("brum", "bra"),
    ("crum", "cra"),
    ("terum", "tera"),
    ("serum", "sera"),
    ("trum", "tra"),
    ("antum", "anta"),
    ("atum", "ata"),
    ("entum", "enta"),
    ("etum", "eta"),
    ("itum", "ita"),
    ("otum", "ota"),
    ("utum", "uta"),
    ("ctum", "cta"),
    ("ovum", "ova"),
    ("trix", "trices"),
    ("iasis", "iases"),
    ("mesis", "meses"),
    ("kinesis", "kineses"),
    ("resis", "reses"),
    ("gnosis", "gnoses"),
    ("opsis", "opses"),
    ("ysis", "yses"),
    ("ouse", "ouses"),
    ("lause", "lauses"),
    ("us", "uses"),
    ("ch", "ches"),
    ("io", "ios"),
    ("sh", "shes"),
    ("ss", "sses"),
    ("ez", "ezzes"),
    ("iz", "izzes"),
    ("tz", "tzes"),
    ("zz", "zzes"),
    ("ano", "anos"),
    ("lo", "los"),
    ("to", "tos"),
    ("oo", "oos"),
    ("o", "oes"),
    ("x", "xes"),
];
