// English plurals as the npm package "pluralize" forms them: the names of list queries depend on
// them. Rules are tried from the last to the first; facts of pluralize 8.0.0.
#include "data/data_model.h"

#include <regex.h>

static const char *const IRREGULAR[][2] = {{"i", "we"}, {"me", "us"}, {"he", "they"},
    {"she", "they"}, {"them", "them"}, {"myself", "ourselves"}, {"yourself", "yourselves"},
    {"itself", "themselves"}, {"herself", "themselves"}, {"himself", "themselves"},
    {"themself", "themselves"}, {"is", "are"}, {"was", "were"}, {"has", "have"}, {"this", "these"},
    {"that", "those"}, {"echo", "echoes"}, {"dingo", "dingoes"}, {"volcano", "volcanoes"},
    {"tornado", "tornadoes"}, {"torpedo", "torpedoes"}, {"genus", "genera"}, {"viscus", "viscera"},
    {"stigma", "stigmata"}, {"stoma", "stomata"}, {"dogma", "dogmata"}, {"lemma", "lemmata"},
    {"schema", "schemata"}, {"anathema", "anathemata"}, {"ox", "oxen"}, {"axe", "axes"},
    {"die", "dice"}, {"yes", "yeses"}, {"foot", "feet"}, {"eave", "eaves"}, {"goose", "geese"},
    {"tooth", "teeth"}, {"quiz", "quizzes"}, {"human", "humans"}, {"proof", "proofs"},
    {"carve", "carves"}, {"valve", "valves"}, {"looey", "looies"}, {"thief", "thieves"},
    {"groove", "grooves"}, {"pickaxe", "pickaxes"}, {"passerby", "passersby"}};

static const char *const UNCOUNTABLE[] = {"adulthood", "advice", "agenda", "aid", "aircraft",
    "alcohol", "ammo", "analytics", "anime", "athletics", "audio", "bison", "blood", "bream",
    "buffalo", "butter", "carp", "cash", "chassis", "chess", "clothing", "cod", "commerce",
    "cooperation", "corps", "debris", "diabetes", "digestion", "elk", "energy", "equipment",
    "excretion", "expertise", "firmware", "flounder", "fun", "gallows", "garbage", "graffiti",
    "hardware", "headquarters", "health", "herpes", "highjinks", "homework", "housework",
    "information", "jeans", "justice", "kudos", "labour", "literature", "machinery", "mackerel",
    "mail", "media", "mews", "moose", "music", "mud", "manga", "news", "only", "personnel", "pike",
    "plankton", "pliers", "police", "pollution", "premises", "rain", "research", "rice", "salmon",
    "scissors", "series", "sewage", "shambles", "shrimp", "software", "species", "staff", "swine",
    "tennis", "traffic", "transportation", "trout", "tuna", "wealth", "welfare", "whiting",
    "wildebeest", "wildlife", "you"};

// Last rule first. $1, $2 are groups; "$0" keeps the match.
static const struct {
    const char *pattern;
    const char *replacement;
} RULES[] = {
    {"sheep$", "$0"},
    {"pox$", "$0"},
    {"o[iu]s$", "$0"},
    {"measles$", "$0"},
    {"fish$", "$0"},
    {"deer$", "$0"},
    {"[^aeiou]ese$", "$0"},
    {"pok(e|\xc3\xa9)mon$", "$0"},
    {"^thou$", "you"},
    {"m[ae]n$", "men"},
    {"eaux$", "$0"},
    {"(child)(ren)?$", "$1ren"},
    {"(pe)(rson|ople)$", "$1ople"},
    {"\\b((tit)?m|l)(ice|ouse)$", "$1ice"},
    {"(matr|cod|mur|sil|vert|ind|append)(ix|ex)$", "$1ices"},
    {"(x|ch|ss|sh|zz)$", "$1es"},
    {"([^ch][ieo][ln])ey$", "$1ies"},
    {"([^aeiouy]|qu)y$", "$1ies"},
    {"((kni|wi|li)fe|(ar|l|ea|eo|oa|hoo)f)$", "$2$3ves"},
    {"sis$", "ses"},
    {"(apheli|hyperbat|periheli|asyndet|noumen|phenomen|criteri|organ|prolegomen|hedr|automat)(a|"
     "on)$",
        "$1a"},
    {"(agend|addend|millenni|dat|extrem|bacteri|desiderat|strat|candelabr|errat|ov|symposi|"
     "curricul|automat|quor)"
     "(a|um)$",
        "$1a"},
    {"(her|at|gr)o$", "$1oes"},
    {"(seraph|cherub)(im)?$", "$1im"},
    {"(alumn|alg|vertebr)(a|ae)$", "$1ae"},
    {"(alumn|syllab|vir|radi|nucle|fung|cact|stimul|termin|bacill|foc|uter|loc|strat)(us|i)$",
        "$1i"},
    {"([^l]ias|[aeiou]las|[ejzr]as|[iu]am)$", "$1"},
    {"(e[mn]u)s?$", "$1s"},
    {"(alias|[^aou]us|t[lm]as|gas|ris)$", "$1es"},
    {"(ax|test)is$", "$1es"},
    {"([^aeiou]ese)$", "$1"},
    {"[^\x01-\x7f]$", "$0"},
    {"s?$", "s"},
};

static str restore_case(struct arena *arena, str word, str token)
{
    if (str_eq(word, token)) {
        return token;
    }
    if (str_eq(word, str_lower(arena, word))) {
        return str_lower(arena, token);
    }
    if (str_eq(word, str_upper(arena, word))) {
        return str_upper(arena, token);
    }
    if (str_eq(str_sub(word, 0, 1), str_upper(arena, str_sub(word, 0, 1)))) {
        return str_upper_first(arena, str_lower(arena, token));
    }
    return str_lower(arena, token);
}

static str interpolate(
    struct arena *arena, const char *replacement, str word, const regmatch_t *groups)
{
    struct buf out = buf_in(arena, 4096);
    for (const char *c = replacement; *c != '\0'; c++) {
        if (*c != '$') {
            buf_add_char(&out, *c);
            continue;
        }
        const regmatch_t *group = &groups[*++c - '0'];
        if (group->rm_so >= 0) {
            buf_add(&out, str_sub(word, (size_t)group->rm_so, (size_t)group->rm_eo));
        }
    }
    return buf_str(&out);
}

static str apply_rules(struct arena *arena, str word)
{
    const char *text = str_cstr(arena, word);
    for (size_t i = 0; i < countof(RULES); i++) {
        regex_t regex;
        regmatch_t groups[5];
        check(regcomp(&regex, RULES[i].pattern, REG_EXTENDED | REG_ICASE) == 0);
        bool found = regexec(&regex, text, countof(groups), groups, 0) == 0;
        regfree(&regex);
        if (!found) {
            continue;
        }
        size_t from = (size_t)groups[0].rm_so;
        str match = str_sub(word, from, (size_t)groups[0].rm_eo);
        str result = interpolate(arena, RULES[i].replacement, word, groups);
        str model = match.len > 0 ? match : str_sub(word, from - 1, from);
        return str_cat(arena, str_sub(word, 0, from), restore_case(arena, model, result));
    }
    return word;
}

str data_plural(struct arena *arena, str word)
{
    str token = str_lower(arena, word);
    for (size_t i = 0; i < countof(IRREGULAR); i++) {
        if (str_eq(token, str_from(IRREGULAR[i][1]))) {
            return restore_case(arena, word, token);
        }
    }
    for (size_t i = countof(IRREGULAR); i-- > 0;) {
        if (str_eq(token, str_from(IRREGULAR[i][0]))) {
            return restore_case(arena, word, str_from(IRREGULAR[i][1]));
        }
    }
    for (size_t i = 0; i < countof(UNCOUNTABLE); i++) {
        if (str_eq(token, str_from(UNCOUNTABLE[i]))) {
            return word;
        }
    }
    return word.len > 0 ? apply_rules(arena, word) : word;
}
