// Decisions: which statements apply to a request, and what they add up to.
#include "iam/iam_policy.h"

// ---- what is known about the request ------------------------------------------------------

// Facts the principal itself tells; `index` counts those of one key. False when there is no more.
// *own: the key is one of these, whether or not the principal has it.
static bool own_fact(const struct iam_principal *p, str key, size_t index, str *value, bool *own)
{
    bool cognito = p->identity_id.len > 0;

    const struct {
        str key;
        str value;
    } FACTS[] = {
        {S("cognito-identity.amazonaws.com:sub"), p->identity_id},
        {S("cognito-identity.amazonaws.com:aud"), p->identity_pool_id},
        {S("cognito-identity.amazonaws.com:amr"), !cognito               ? (str){}
                                                  : p->kind == IAM_GUEST ? S("unauthenticated")
                                                                         : S("authenticated")},
        {S("aws:userid"), p->user_id},
        {S("aws:username"), p->kind == IAM_KEY ? p->access_key_id : (str){}},
        {S("aws:PrincipalArn"), p->arn},
        {S("aws:PrincipalAccount"), p->account},
        {S("aws:PrincipalType"), p->kind == IAM_KEY ? S("User") : S("AssumedRole")},
    };

    *own = false;
    for (size_t i = 0; i < countof(FACTS); i++) {
        if (str_eq_nocase(key, FACTS[i].key)) {
            *own = true;
            *value = FACTS[i].value;
            return index == 0 && value->len > 0;
        }
    }
    return false;
}

struct question {
    const struct iam_principal *principal;
    const struct iam_facts *facts;
    bool unknown; // a variable was met whose value is not known
};

static bool fact(const struct question *q, str key, size_t index, str *value)
{
    bool own;
    size_t seen = 0;
    if (own_fact(q->principal, key, index, value, &own) || own) {
        return own && index == 0 && value->len > 0;
    }
    for (size_t i = 0; q->facts != NULL && i < q->facts->count; i++) {
        if (str_eq_nocase(q->facts->items[i].key, key) && seen++ == index) {
            *value = q->facts->items[i].value;
            return true;
        }
    }
    return false;
}

// ---- patterns -----------------------------------------------------------------------------

// Passes over what one piece (not *) matches at *at.
static bool take(struct question *q, const struct iam_piece *piece, str text, size_t *at)
{
    str wanted = piece->text;
    if (piece->kind == PIECE_ONE) {
        if (*at >= text.len) {
            return false;
        }
        do {
            (*at)++;
        } while (*at < text.len && ((u8)text.ptr[*at] & 0xc0) == 0x80); // a whole UTF-8 character
        return true;
    }
    if (piece->kind == PIECE_VARIABLE && !fact(q, piece->text, 0, &wanted)) {
        if (piece->otherwise.ptr == NULL) {
            q->unknown = true;
            return false; // what is not known matches nothing
        }
        wanted = piece->otherwise;
    }
    if (text.len - *at < wanted.len || memcmp(text.ptr + *at, wanted.ptr, wanted.len) != 0) {
        return false;
    }
    *at += wanted.len;
    return true;
}

// Only the last * needs to be tried again: what an earlier one took can stay as short as it is.
static bool glob_matches(struct question *q, const struct iam_glob *glob, str text)
{
    size_t at = 0;
    size_t next = 0;
    size_t star = SIZE_MAX;
    size_t star_at = 0;
    for (;;) {
        if (next < glob->count && glob->pieces[next].kind == PIECE_ANY) {
            star = ++next;
            star_at = at;
            if (star == glob->count) {
                return true;
            }
        } else if (next == glob->count && at == text.len) {
            return true;
        } else if (next < glob->count && take(q, &glob->pieces[next], text, &at)) {
            next++;
        } else if (star != SIZE_MAX && star_at < text.len) {
            at = ++star_at;
            next = star;
        } else {
            return false;
        }
    }
}

static bool arn_matches(struct question *q, const struct iam_arn_glob *glob, str arn)
{
    str parts[ARN_PARTS] = {};
    str rest = arn;
    if (glob->any) {
        return true;
    }
    for (size_t i = 0; i < ARN_PARTS - 1; i++) {
        if (!str_next(&rest, ':', &parts[i]) || rest.ptr == NULL) {
            return false; // no ARN: nothing but "*" stands for it
        }
    }
    parts[ARN_PARTS - 1] = rest;
    for (size_t i = 0; i < ARN_PARTS; i++) {
        if (!glob_matches(q, &glob->parts[i], parts[i])) {
            return false;
        }
    }
    return true;
}

// ---- conditions ---------------------------------------------------------------------------

// The text of a pattern without wildcards, as far as equality needs it.
static bool equals_nocase(struct question *q, const struct iam_glob *glob, str text)
{
    size_t at = 0;
    for (size_t i = 0; i < glob->count; i++) {
        str wanted = glob->pieces[i].text;
        if (glob->pieces[i].kind == PIECE_VARIABLE && !fact(q, wanted, 0, &wanted)) {
            wanted = glob->pieces[i].otherwise;
            if (wanted.ptr == NULL) {
                q->unknown = true;
                return false;
            }
        }
        if (!str_eq_nocase(str_sub(text, at, at + wanted.len), wanted)) {
            return false;
        }
        at += wanted.len;
    }
    return at == text.len;
}

static bool is_decimal(str text)
{
    size_t at = text.len > 0 && text.ptr[0] == '-' ? 1 : 0;
    bool point = false;
    size_t digits = 0;
    if (at + 1 < text.len && text.ptr[at] == '0' && text.ptr[at + 1] != '.') {
        return false;
    }
    for (; at < text.len; at++) {
        if (text.ptr[at] == '.' && !point && digits > 0) {
            point = true;
        } else if (text.ptr[at] >= '0' && text.ptr[at] <= '9') {
            digits++;
        } else {
            return false;
        }
    }
    return digits > 0 && text.ptr[text.len - 1] != '.';
}

static bool number_matches(enum iam_operator op, str value, str limit)
{
    if (!is_decimal(value)) {
        return false;
    }
    int order = json_number_cmp(value, limit);
    switch (op) {
    case OP_NUMBER_EQ: return order == 0;
    case OP_NUMBER_LT: return order < 0;
    case OP_NUMBER_LE: return order <= 0;
    case OP_NUMBER_GT: return order > 0;
    default: return order >= 0;
    }
}

static bool value_matches(struct question *q, const struct iam_condition *condition, str value)
{
    for (size_t i = 0; i < condition->count; i++) {
        bool match = false;
        switch (condition->op) {
        case OP_STRING:
        case OP_LIKE: match = glob_matches(q, &condition->values[i], value); break;
        case OP_STRING_NOCASE:
        case OP_BOOL: match = equals_nocase(q, &condition->values[i], value); break;
        case OP_ARN: match = arn_matches(q, &condition->arns[i], value); break;
        case OP_NUMBER_EQ:
        case OP_NUMBER_LT:
        case OP_NUMBER_LE:
        case OP_NUMBER_GT:
        case OP_NUMBER_GE:
            match = number_matches(condition->op, value, condition->values[i].pieces[0].text);
            break;
        case OP_NULL: unreachable("asked for by its own function");
        }
        if (match) {
            return true;
        }
    }
    return false;
}

static bool null_holds(struct question *q, const struct iam_condition *condition)
{
    str value;
    str known = fact(q, condition->key, 0, &value) ? S("false") : S("true");
    for (size_t i = 0; i < condition->count; i++) {
        if (equals_nocase(q, &condition->values[i], known)) {
            return true;
        }
    }
    return false;
}

static bool condition_holds(struct question *q, const struct iam_condition *condition)
{
    str value;
    size_t count = 0;
    size_t good = 0;
    if (condition->op == OP_NULL) {
        return null_holds(q, condition);
    }
    for (; fact(q, condition->key, count, &value); count++) {
        good += value_matches(q, condition, value) != condition->negated;
    }
    if (count == 0) { // the key is not there
        return condition->if_exists || condition->each == EACH_ALL ||
               (condition->negated && condition->each == EACH_PLAIN);
    }
    bool all = condition->each == EACH_ALL || (condition->each == EACH_PLAIN && condition->negated);
    return all ? good == count : good > 0;
}

// ---- statements ---------------------------------------------------------------------------

// "Everything but ..." cannot be granted while what it leaves out is not known.
static bool is_open(const struct question *q, const struct iam_statement *s, bool negated)
{
    return q->unknown && negated && !s->deny;
}

static bool statement_applies(
    struct question *q, const struct iam_statement *s, str action, str resource)
{
    bool named = false;
    for (size_t i = 0; !named && i < s->action_count; i++) {
        named = glob_matches(q, &s->actions[i], action);
    }
    if (named == s->not_action) {
        return false;
    }
    named = false;
    q->unknown = false;
    for (size_t i = 0; !named && i < s->resource_count; i++) {
        named = arn_matches(q, &s->resources[i], resource);
    }
    if (named == s->not_resource || is_open(q, s, s->not_resource)) {
        return false;
    }
    for (size_t i = 0; i < s->condition_count; i++) {
        q->unknown = false;
        if (!condition_holds(q, &s->conditions[i]) || is_open(q, s, s->conditions[i].negated)) {
            return false;
        }
    }
    return true;
}

static enum iam_answer decide(struct question *q, const struct iam_policy *const *policies,
    size_t count, str action, str resource)
{
    enum iam_answer answer = IAM_NOT_ALLOWED;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < policies[i]->count; k++) {
            const struct iam_statement *statement = &policies[i]->statements[k];
            if (!statement->deny && answer == IAM_ALLOWED) {
                continue;
            }
            if (statement_applies(q, statement, action, resource)) {
                if (statement->deny) {
                    return IAM_DENIED;
                }
                answer = IAM_ALLOWED;
            }
        }
    }
    return answer;
}

enum { ACTION_MAX = 256 };

enum iam_answer iam_may(
    const struct iam_principal *principal, str action, str resource, const struct iam_facts *facts)
{
    struct question q = {.principal = principal, .facts = facts};
    char lower[ACTION_MAX];
    if (principal->kind == IAM_SERVICE) {
        return IAM_ALLOWED;
    }
    if (action.len > sizeof(lower)) {
        return IAM_NOT_ALLOWED;
    }
    for (size_t i = 0; i < action.len; i++) {
        char c = action.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    str name = {lower, action.len};
    enum iam_answer answer =
        decide(&q, principal->policies, principal->policy_count, name, resource);
    if (answer == IAM_ALLOWED && principal->narrowing != NULL) {
        answer = decide(&q, &principal->narrowing, 1, name, resource);
    }
    return answer;
}

err *iam_require(struct arena *arena, const struct iam_principal *principal, str action,
    str resource, const struct iam_facts *facts, enum iam_words words)
{
    enum iam_answer answer = iam_may(principal, action, resource, facts);
    if (answer == IAM_ALLOWED) {
        return NULL;
    }
    str why = answer == IAM_DENIED
                  ? S("with an explicit deny in an identity-based policy")
                  : str_cat(arena, S("because no identity-based policy allows the "), action,
                        S(" action"));
    return iam_refuse(arena, words, IAM_REFUSE_DENIED,
        str_fmt(arena, "User: %.*s is not authorized to perform: %.*s on resource: %.*s %.*s",
            PRI(principal->arn), PRI(action), PRI(resource), PRI(why)));
}
