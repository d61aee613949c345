r"""What a secret looks like in a text: one list of regular expressions, which Python and Java read in the same way.

A rule says what stays before a secret and what the secret is. Python applies the rules one after the other
(`regobs.secrets.texts`), an ingest pipeline of Elasticsearch all at once (`regobs.secrets.ingest`). Each takes time in
proportion to the length of the text: a repeat without an end is possessive, and whatever else a rule looks at before it
gives up is of bounded length. Tests measure it in both.

Letters, digits, spaces and cases are those of ASCII: they mean other things to Java and to Python otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from regobs.secrets.names import TAILS

_KEYS = (
    r"(?:api|private|secret|access|account|encrypt(?:ion)?|decryption|signing|shared|master|storage|session|auth|client"
    r"|ssh|hmac|aes|jwt|licen[cs]e|subscription|webhook|cipher|crypto?|admin|app(?:lication)?|service|recovery)"
    r"[-_. ]?keys?(?:[-_ ]?id)?"
)
# At the end of the name of a secret: `db_password`, `X-Vault-Token`, `AccountKey`.
WORDS: Final = (
    r"(?:_|%5f)state|signatures?|(?<![a-z0-9])sig|passwo?r?ds?|passphrases?|passcodes?|secrets?|tokens?|credentials?"
    r"|(?<![a-z0-9])(?:pass|pwd|creds?|otp|jwts?)|(?-i:(?<=[a-z])(?:Pass|Pwd|Creds|Jwt|JWT))"
    rf"|{_KEYS}|google[-_]?access[-_]?id|x-(?:amz|goog|ms)-[\w-]{{1,60}}+|sess(?:ion)?[-_]?id|[a-z0-9]_session"
    r"|auth[-_]?headers?|requirepass|masterauth|(?<![a-z0-9])_auth|(?<=[\"'])auth(?=\\{0,40}[\"'])|key-pair-id"
    r"|private[-_ ]?exponent|(?<![a-z0-9])key[-_]base"
    r"|(?<![a-z0-9])(?:routing|user)_key"  # of PagerDuty and Pushover, in a configuration of Alertmanager
)
# One of these, in small letters, is in each of them. Most texts hold none, and looking for them is cheap.
STEMS: Final = (
    *("pass", "pwd", "secret", "token", "sig", "cred", "state", "key", "jwt", "otp", "auth", "session", "sessid"),
    *("amz", "goog", "x-ms-", "exponent"),
)
_TAIL = rf"(?:[-_.]?(?:{'|'.join(TAILS)}|\d{{1,3}})){{0,2}}"
_Q = r"\\{0,40}[\"'`]"  # a quote, also escaped
_SPACES = r"(?:\s|\\{1,40}[nrt])*+"
# What stands for a value: of a statement, a format, a shell, or what another program masked.
_PLACEHOLDER = (
    r"(?!(?:\$\d{1,4}|\$?\{\{?[\w .$-]{1,80}\}?\}|\$[A-Z_]{1,60}|\?|%s|%\(\w{1,40}\)s|%[+#]?[a-z]|null|none|nil|true"
    r"|false|<(?:nil|none|null|redacted|hidden|secret|token|password|masked|empty|your[\w -]{0,40})>|\{\}|\[\]|\*{3,40}"
    r"|\[filtered\]|x{3,40}|\.{3}|…|\"\"|''|\(?(?:redacted|filtered|masked|hidden|sensitive|removed)\)?)(?:[\s,;)\]}.&]|$))"
)
# The next word of a sentence, behind a colon.
_PROSE = (
    r"(?!\s{1,4}(?:is|was|are|were|has|have|had|must|may|not|no|cannot|could|should|does|did|will|the|an?|of|in|for|from"
    r"|required|missing|invalid|expired|unknown|unauthorized|unsupported|denied|failed|failure|mismatch|empty|error"
    r"|expected|malformed|incorrect|wrong|bad|got"
    r"|too|unable|unexpected|disabled|enabled|authentication|authorization"
    r"|reading|parsing|decoding|fetching|creating|loading|open|verification|exceeded|exceeds|verify|http|https|post|get"
    r"|crypto|oauth2?|context|dial|lookup|read|write|rpc|json|found|stale|already|ok|success|done"
    r"|signature|certificate|issuer|audience|claims?|nothing|neither|either|use|using|please|only|must)"
    r"(?![\w=/+@$%!*.-]|:\S))"
)
_SEPARATOR = rf"(?:=>|:=|={{1,3}}+|[-~]>|:{_PROSE})"
_END = r"(?:\r?\n|\\{1,40}n)"  # of a line, also as a text in JSON has it
_BLOCK = rf"[|>][-+0-9]{{0,2}}[ \t]{{0,40}}{_END}(?:[ \t]++(?:[^\\\r\n]|\\++(?!n))*+(?:{_END}|$))++"  # of YAML
_ITEMS = r"(?:-[ \t][^\r\n]++(?:\r?\n[ \t]*+(?=-[ \t]))?)++"
_LIST = r"\[(?=[\s\\]{0,8}[\"'])[^\]]*+\]?"
_PARENTHESIS = r"\((?:(?!\) (?:already|is not|is still|conflicts))[^\r\n])++\)?"
_BARE = r"[^\s&]++"
# b'...', SecretStr('...'), Some("..."), also escaped.
_OPEN = r"(?:(?:[A-Za-z]{1,20}\(|[bBuUrREeNn]{1,2}(?=\\{0,40}[\"'])|)\\{0,40}(?:\"\"\"|[\"'`]))?+"
_VALUE = (
    r"(?:(?<=\"\"\")(?:(?!\"\"\")[\s\S])++"
    r"|(?<!\"\")(?<=\")[^\"\\]*+(?:\\++[\s\S][^\"\\]*+)*+"
    r"|(?<=')[^'\\]*+(?:\\++[\s\S][^'\\]*+)*+"
    r"|(?<=`)[^`]*+"
    rf"|(?<![\"'`])(?:{_BLOCK}|{_ITEMS}|{_LIST}|{_PARENTHESIS}|{_BARE}))"
)
_NAME = rf"(?:{WORDS}){_TAIL}"
# Names that stand for a secret only as the key of an object: in a sentence or a header they are words like others.
_OF_KEYS = (
    r"auth[-_. ]?user|[\w.-]{0,40}_auth|x[-_]?registry[-_]?(?:auth|config)|string[-_. ]?to[-_. ]?sign|bearer|hmac|totp"
    r"|cookies|connect[-_. ]?sid|sid|(?:[\w.-]{0,40}_)?session|(?:db|user|smtp|redis|root|admin)pass"
)
# An object or a list as the value of a key, up to its end where that is sure, else all that follows: a line may be cut.
_IN_QUOTES = r"\"[^\"\\]*+(?:\\[\s\S][^\"\\]*+)*+\""
_INNER = rf"[^\"'{{}}\[\]\\]*+(?:{_IN_QUOTES}[^\"'{{}}\[\]\\]*+)*+"
_NESTED = rf"(?:[{{\[]{_INNER}(?:[{{\[]{_INNER}[}}\]]{_INNER})*+[}}\]](?=\s{{0,9}}(?:[,}}\]]|$))|(?=[{{\[])[\s\S]++)"
_ALONE = r"(?<![A-Za-z0-9])"
_REST = r"[^\r\n]++"
_ARGUMENT = r"(?:\"[^\"\r\n]*+|'[^'\r\n]*+|[^\s\"'][^\s]*+)"

# Tokens that are known by how they begin, from what their issuers publish; after it how they begin in small letters.
TOKENS: Final = (
    r"(?<![_-])eyJ[A-Za-z0-9_-]{3,}+\s?\.[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]*+)*+",  # RFC 7519
    r"gl[a-z]{2,6}-[A-Za-z0-9_-]{16,}+(?:\.[A-Za-z0-9_]++)*+|GR1348941[A-Za-z0-9_-]{16,}+",  # GitLab
    r"gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_[A-Za-z0-9_]{20,}+",  # GitHub
    r"dckr_(?:pat|oat|gat)_[A-Za-z0-9_-]{16,}+",  # Docker Hub
    r"(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|AIPA|ANPA|ANVA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS
    r"LTAI[A-Za-z0-9]{12,24}",  # Alibaba
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}+|xoxe\.xox[bp]-[A-Za-z0-9-]{10,}+|xapp-\d-[A-Za-z0-9-]{10,}+",  # Slack
    r"npm_[A-Za-z0-9]{30,}+|pypi-Ag[A-Za-z0-9_-]{16,}+|rubygems_[0-9a-f]{32,}+|oy2[a-z0-9]{43}(?![A-Za-z0-9])",
    r"AIza[A-Za-z0-9_-]{30,}+|ya29\.[A-Za-z0-9_.-]{16,}+|GOCSPX-[A-Za-z0-9_-]{20,}+|1//0[A-Za-z0-9_-]{30,}+",  # Google
    r"[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{30,}+",  # Microsoft Entra
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}+|whsec_[A-Za-z0-9+/=]{20,}+",  # Stripe
    r"sk-[A-Za-z0-9_-]{20,}+|hf_[A-Za-z0-9]{30,}+|dapi[0-9a-f]{32}(?![A-Za-z0-9])",
    r"SG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+|key-[0-9a-f]{32}(?![A-Za-z0-9])",  # SendGrid, Mailgun
    r"hv[sbr]\.[A-Za-z0-9_-]{20,}+|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{30,}+",  # HashiCorp
    r"do[opr]_v1_[0-9a-f]{40,}+|glsa_[A-Za-z0-9_]{20,}+|glc_[A-Za-z0-9+/=]{30,}+",  # DigitalOcean, Grafana
    r"tskey-[a-z]{2,12}-[A-Za-z0-9-]{16,}+|AGE-SECRET-KEY-1[A-Z0-9]{20,}+|SWMTKN-1-[a-z0-9-]{30,}+",
    r"AKCp[A-Za-z0-9]{30,}+|cmVmdGtu[A-Za-z0-9+/=]{20,}+|sq[upa]_[0-9a-f]{40}|sntr(?:ys|yu)_[A-Za-z0-9+/=_-]{20,}+",
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|lin_api_[A-Za-z0-9]{20,}+|ATATT3[A-Za-z0-9_=-]{20,}+|NRAK-[A-Z0-9]{20,}+",
    r"SCRAM-SHA-256\$[^\s\"']{20,}+",  # PostgreSQL
)
# How a password is kept: bcrypt, crypt, Argon2, scrypt. Such a text may follow a letter or a digit.
HASHES: Final = (
    r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{20,}+|\$(?:1|5|6|apr1|argon2id|argon2i|argon2d|y|scrypt)\$[^\s\"':,]{20,}+"
)
TOKEN_STEMS: Final = (
    *(
        "eyj",
        "gl",
        "gr1348941",
        "gh",
        "github_pat_",
        "dckr_",
        "akia",
        "asia",
        "abia",
        "acca",
        "aroa",
        "aida",
        "aipa",
        "anpa",
        "anva",
    ),
    *("ltai", "xox", "xapp-", "npm_", "pypi-", "rubygems_", "oy2", "aiza", "ya29.", "gocspx-", "1//0", "q~", "_live_"),
    *("_test_", "whsec_", "sk-", "hf_", "dapi", "sg.", "key-", "hvs.", "hvb.", "hvr.", ".atlasv1.", "_v1_"),
    *("tskey-", "swmtkn-", "akcp", "cmvmdgtu", "sqp_", "squ_", "sqa_", "sntr", "shp", "lin_api_", "atatt3", "nrak-"),
    *("$2", "$1$", "$5$", "$6$", "$apr1$", "$argon2", "$y$", "$scrypt$", "scram-sha-256$"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """What stays `before` a `secret`. There is nothing to find in a text that has none of the stems in it."""

    stems: tuple[str, ...]
    before: str
    secret: str


_SCHEME = (
    r"(?:(?:[\s:=]|\\{1,40}[nrt])++[\"']?+"
    r"|\\{0,40}[\"']\s{0,4},?\s{0,4}b?\\{0,40}[\"'](?![\w.-]{1,40}\\{0,40}[\"']\s{0,4}:))"
)
_CHALLENGE = (
    r"(?:auth\w{0,20}|tokens?|realm|schemes?|credentials?|challenge|error|https?|is|was|or|and|with|for|access|security"
    r"|usage|not|format|type|header|strategy|in|on|only|support|from|to|must|has)(?![\w~+/=-]|\.\w)"
    r"|(?:realm|error|scope|service|charset|error_description)=[\"\\]"
)
_COLUMNS = rf"[^()]{{0,400}}(?:{WORDS})[^()]{{0,400}}"
_OF_A_STRUCT = r"(?:[^\s}]|\}(?![\s},;.:)\]\"']|$))++"  # a word of a value
# A value of a statement, not a place for one.
_LITERAL = r"(?!\s{0,8}(?:\$\d|\?|%s|%\(|:[a-z_]))"

RULES: Final = (
    # Authorization: Basic ..., to the end of the line, also of a folded one (RFC 9112, section 5.2).
    Rule(
        ("authorization", "cookie", "x-registry-"),
        rf"(?:authorization|cookie|x-registry-(?:auth|config))(?:{_Q})?[)\]]?\s*+"
        rf"(?:{_SEPARATOR}|(?<=[\"']),)\s*+{_PLACEHOLDER}(?:(?!\[FILTERED\])\\{{0,40}}[\"'\[(]){{0,3}}+",
        r"(?:(?:bearer|basic|token|negotiate|digest)\s++)?+[^\r\n]++(?:\r?\n[ \t]++[^\r\n]++)*+",
    ),
    Rule(
        ("bearer", "basic"),
        rf"(?<![A-Za-z0-9_])(?:bearer|basic){_SCHEME}{_PLACEHOLDER}(?!{_CHALLENGE})"
        rf"(?!(?<=basic[\s:=])(?-i:[a-z]{{1,16}})(?![\w~+/=.-]|:\w))",
        r"[^\s,\"'\\]++(?:\\++[^\s,\"'\\nrt][^\s,\"'\\]*+)*+",
    ),
    # {"name": "password", "value": "..."}, <add key="password" value="..."/>, a part of a form
    Rule(
        STEMS,
        rf"(?:name|key|header)\\{{0,40}}[\"']?\s{{0,8}}[=:]\s{{0,8}}\\{{0,40}}[\"'][\w.-]{{0,60}}?(?:{WORDS})\\{{0,40}}[\"']"
        rf"(?:\s{{0,8}},?\s{{0,8}}\\{{0,40}}[\"']?val(?:ue)?s?\\{{0,40}}[\"']?\s{{0,8}}[=:]\s{{0,8}}\[?"
        rf"|(?:\r?\n|\\r\\n|\\n){{2}}){_OPEN}",
        _VALUE,
    ),
    # A variable of Kubernetes: `- name: DB_PASSWORD`, and `value: ...` in the line below.
    Rule(
        STEMS,
        rf"\bname:\s{{1,4}}[\w.-]{{0,60}}?(?:{WORDS})[ \t]{{0,9}}(?:\r?\n|\\n)\s{{1,40}}value:[ \t]{{1,9}}"
        rf"{_PLACEHOLDER}{_OPEN}",
        _VALUE,
    ),
    # auth = "dTpw", as containers and Docker have it; auth=("user", "...") of Python.
    Rule(
        ("auth",),
        r"(?<![\w-])auth\s{0,9}[:=]\s{0,9}[\"'](?=[a-z0-9+/=]{12,400}[\"'])"
        r"(?=[^\"']{0,400}?(?-i:[a-z0-9][A-Z]|[A-Za-z][0-9]|=[\"']))",
        r"[^\"']++",
    ),
    Rule(
        ("auth",),
        r"(?:(?<![\w-])auth=|basicauth)\((?:\"[^\"\r\n]{0,200}\"|'[^'\r\n]{0,200}')\s{0,4},\s{0,4}b?[\"']",
        r"[^\"'\r\n]++",
    ),
    # The AUTH command of Redis in its forms.
    Rule(
        ("auth-pass",),
        r"sentinel\s{1,9}(?:auth-pass\s{1,9}[\w.-]{1,100}|set\s{1,9}[\w.-]{1,100}\s{1,9}auth-pass)\s{1,9}",
        r"[^\s\"',]++",
    ),
    Rule(("auth",), r"[\"']auth[\"'](?:\s{0,4},\s{0,4}|\s{1,4})(?=b?[\"'])", r"[^\])\r\n]++"),
    Rule(("auth",), r"(?-i:(?:(?<![A-Za-z])|(?<=\\n))AUTH)(?:\r\n|\\r\\n)(?=\$\d)", r"[\s\S]++"),
    Rule(
        ("auth ",),
        r"(?:(?<=\[)auth|(?-i:\bAUTH)) (?=(?:[^\s\]\"'\d:]{1,64} )?[^\s\]\"']{0,64}\d)(?!\d{1,9}(?:[\s,.;]|$))",
        r"(?:[^\s\]\"'\d:]{1,64} )?[^\s\]\"']++",
    ),
    # map[auth_user:... password:...], as Go prints a map: a value goes to the next key or to the bracket.
    Rule(
        ("map[",),
        rf"(?<=[\[ ])(?:auth[_.-]?user|auth|[\w.-]{{0,40}}?session|[\w.-]{{0,40}}?(?:{WORDS}){_TAIL}):"
        r"(?=[^\s\]][^\]\r\n]{0,400}\])(?!\[FILTERED\])",
        r"(?:map\[[^\]\r\n]*+\]|&?\{[^}\r\n]*+\}|[^\s\]]++(?: (?![\w.-]{1,60}:|\])[^\s\]]++)*+)",
    ),
    # {Username:... Password:...}, as Go prints a struct with its names: a value goes to the next name or to the brace.
    Rule(
        STEMS,
        rf"(?<=[{{ ])(?:[\w.-]{{0,40}}?(?:{WORDS}){_TAIL}|auth|[\w.-]{{0,40}}?session):"
        r"(?=[^\s}][^}\r\n]{0,1000}\})"
        r"(?!(?:<nil>|nil|null|true|false|%[+#]?[a-z]|\*{3,40})(?:\}| [\w.-]{1,60}:))",
        r"(?:&?[\w.*]{0,80}\{[^}\r\n]*+\}|(?!\[FILTERED\])\[[^\]\r\n]*+\]"
        rf"|{_OF_A_STRUCT}(?: (?![\w.-]{{1,60}}:|\}}){_OF_A_STRUCT})*+)",
    ),
    # {"auth_user":{"JWT":"..."}}, {"password": ["..."]}: what a reader of JSON masks, also in a line that is cut.
    Rule(
        (*STEMS, "sid", "hmac", "bearer", "cookies", "x-registry", "x_registry", "xregistry"),
        rf"(?:(?<=[\"'])(?:{_OF_KEYS})|(?:{WORDS})){_TAIL}\\{{0,40}}[\"']\s{{0,9}}:\s{{0,9}}{_PLACEHOLDER}{_OPEN}",
        rf"(?:(?<![\"'`]){_NESTED}|{_VALUE})",
    ),
    # password=..., "token": "...", <secret>...</secret>, ('api_key', '...'), Key (token)=(...)
    Rule(
        STEMS,
        rf"{_NAME}(?:(?:{_Q})?[)\]]?\s*+{_SEPARATOR}|>|{_Q}\s*+,(?!\s{{0,40}}[\w.-]{{1,40}}=)){_SPACES}{_PLACEHOLDER}{_OPEN}",
        _VALUE,
    ),
    # Who acted, in an event of a registry.
    Rule(
        ("actor",),
        r"actor\\{0,40}[\"']\s{0,4}:\s{0,4}\{[^{}]{0,200}?[\"']user\\{0,40}[\"']\s{0,4}:\s{0,4}" + _OPEN,
        _VALUE,
    ),
    # ALTER ROLE x PASSWORD '...', IDENTIFIED BY '...', `requirepass ...`
    Rule(
        ("pass", "identified", "pwd"),
        r"(?:passwo?r?d|passphrase|pwd|identified\s{1,9}(?:with\s{1,9}[\w'\"]{1,40}\s{1,9})?(?:by|as)(?:\s{1,9}password)?)"
        rf"(?:\s{{1,40}}(?:is|was|to|as|set to))?(?:\s{{1,40}}\(?\s{{0,40}}|\()"
        rf"{_PLACEHOLDER}[bBuUrREeNn]?\\{{0,40}}(?=['\"`])[\"'`]",
        _VALUE,
    ),
    Rule(("requirepass", "masterauth"), r"(?:requirepass|masterauth)[\s\"',]{1,40}", r"[^\s\"',]++"),
    Rule(
        STEMS,
        rf"\bconfig(?:ure)?\s{{1,9}}set\s{{1,9}}[\"']?[\w.:/-]{{0,80}}?(?:{WORDS})[\"']?\s{{1,9}}[\"']?",
        r"[^\s\"',]++",
    ),
    Rule(("setuser",), r"\bsetuser\s[^\r\n>]{0,400}>", r"\S++"),
    # A row that PostgreSQL refused, a duplicate entry of MySQL, the values of an INSERT, the parameters of a statement.
    Rule(
        ("key (",),
        rf"Key \({_COLUMNS}\)=\(",
        r"(?:(?!\) (?:already|is not|is still|conflicts))[^\r\n])++",
    ),
    Rule(("failing row",), r"Failing row contains \(", r"(?:(?!\)\.?(?:[\r\n\"'\\]|$))[^\r\n])++"),
    Rule(
        ("duplicate entry",),
        rf"Duplicate entry '(?=[^\r\n]{{0,400}}' for key '[^'\r\n]{{0,100}}(?:{WORDS}))",
        r"(?:(?!' for key)[^\r\n])++",
    ),
    Rule(
        ("values",),
        rf"into\s{{1,9}}[^()\s]{{1,100}}\s{{0,9}}\({_COLUMNS}\)\s{{0,40}}values\s{{0,40}}\({_LITERAL}",
        r"(?:(?!\)(?:;|\]?$|\]?[\r\n]|\\n|\s{0,9}(?:returning|on conflict|\")))[\s\S])++",
    ),
    Rule(
        ("parameters: ",),
        r"(?:\[parameters: (?!\[FILTERED\]\])|(?<![a-z])parameters: (?=\$1 = ))",
        r"(?:(?!\](?:$|[\r\n\"']|\\n|\s\(Background))[^\r\n])++",
    ),
    # Options of a command: --password ..., -u name:..., docker login -p ...
    Rule(
        STEMS,
        rf"(?<![^\s\"'\[(,;|=])--?[\w.-]{{0,40}}?(?:{WORDS})(?:{_Q}\s{{0,4}},\s{{0,4}}|\s{{1,40}})(?!-|(?:via|is|or|and|to|option|flag|are|was)\s){_PLACEHOLDER}",
        _ARGUMENT,
    ),
    Rule(
        ("-u", "user"),
        r"(?<![^\s\"'\[(,;|])(?:-u|-U|--(?:proxy-)?user)(?:=|\s{1,40}|[\"']\s{0,4},\s{0,4})[\"']?"
        r"(?!\d{1,9}:\d{1,9}(?:[\s\"',]|$))(?=[^\s:\"']{0,256}:)",
        r"[^\s\"']++",
    ),
    Rule(
        ("login",),
        r"\blogin\b[^\r\n;|&]{0,300}?[\s\"']-p(?:=|\s{1,40}|[\"']\s{0,4},\s{0,4}|(?=[^\s\"'=]))",
        _ARGUMENT,
    ),
    Rule(("login",), r"\blogin\s{1,40}\S{1,256}\s{1,40}password\s{1,40}", r"\S++"),  # .netrc
    Rule(
        ("sshpass", "mysql", "redis-cli", "mariadb", "ldap"),
        r"(?:\bsshpass\s{1,40}-p\s{0,40}|\b(?:mysql|mariadb)\w{0,10}\s[^\r\n;|&]{0,300}?-p(?=[^\s\"'=])"
        r"|\bredis-cli\b[^\r\n;|&]{0,300}?\s-a\s{1,40}|\bldap\w{1,10}\s[^\r\n;|&]{0,300}?\s-w\s{0,40})",
        _ARGUMENT,
    ),
    Rule(("htpasswd",), r"\bhtpasswd\s{1,9}-[a-zA-Z]{0,8}b[a-zA-Z]{0,8}\s{1,9}", _REST),
    Rule((":543", ":643"), r"(?<!\S)[\w.*-]{1,100}:[56]43\d:[\w*-]{1,63}:[\w*-]{1,63}:", r"\S++"),  # .pgpass
    Rule(
        ("-----begin",),
        r"-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE|SECRET) KEY(?: BLOCK)?-----",
        r"(?:(?!-----END)[\s\S])++",
    ),
    Rule(("private-lines",), r"Private-Lines: \d{1,6}", r"(?:(?!Private-MAC)[\s\S])++"),  # of PuTTY
    # Where the address itself is the secret.
    Rule(
        ("hooks.slack", "/api/webhooks/", "/bot", "webhook.office"),
        r"(?:hooks\.slack\.com/[a-z]{1,20}/|discord(?:app)?\.com/api/webhooks/|api\.telegram\.org/bot|webhook\.office\.com/)",
        r"[^\s\"'<>]++",
    ),
    Rule(TOKEN_STEMS, _ALONE, rf"(?-i:{'|'.join(TOKENS)})"),
    Rule(("$",), "", rf"(?-i:{HASHES})"),
)
