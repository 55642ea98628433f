"""Carriers as data: what customers call them, what shops call them, their tracking pages, their numbers.

The forms of numbers are written for a number without spaces, in capitals. Where a form has groups, the first is what
its check digit is worked out from and the second that digit. They have no nested repeats: no number takes long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from messaging.rules.check_digits import Check, alternating, luhn, modulo_7, modulo_37_36, s10, weighted


@dataclass(frozen=True, slots=True)
class Form:
    """What a carrier's numbers look like."""

    pattern: re.Pattern[str]
    check: Check | None = None

    def fits(self, number: str) -> bool:
        """Whether `number`, in capitals and without spaces, is of this form."""
        match = self.pattern.fullmatch(number)
        return match is not None and (self.check is None or self.check(match[1], match[2]))


@dataclass(frozen=True, slots=True)
class Carrier:
    """One carrier, or one of its networks with a tracking page of its own."""

    #: As customers know it.
    name: str
    #: Its tracking page, `{}` for the number; empty where it has none that a number alone opens.
    page: str = ""
    #: What shops write: lower-case words, found anywhere in what they call the carrier.
    words: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()
    #: Where it is the post (ISO 3166): numbers of the UPU's form S10 end with that.
    post_of: tuple[str, ...] = ()


def _form(pattern: str, check: Check | None = None) -> Form:
    return Form(re.compile(pattern, re.ASCII), check)


_GS1 = alternating(3, 1)
_TRACK_FEDEX = weighted(1, 7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)
_FEDEX = weighted(3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1)
#: USPS's package codes: who sends it (9 and eight digits, or up to 8 and five), and the package; 22 or 26 digits.
_SHORT = r"(?:9\d{8}\d{7}|[0-8]\d{5}\d{10})"
_LONG = r"(?:9\d{8}\d{11}|[0-8]\d{5}\d{14})"
_RETAIL = r"(?:94\d{3}|95\d{3}|92\d{3}(?=9)|93\d{3}(?=[0-8]))"

CARRIERS: tuple[Carrier, ...] = (
    Carrier("Amazon", "", ("amazon",), (_form(r"[AFC]\d{10}"),)),
    # What it delivers itself; `Amazon` alone may be any of its carriers.
    Carrier("Amazon", "https://track.amazon.com/tracking/{}", ("amazon",), (_form(r"TB[ACM]\d{12}"),)),
    Carrier("An Post", "https://www.anpost.com/Post-Parcels/Track/History?item={}", ("an post", "anpost"), (), ("IE",)),
    Carrier("Aramex", "https://www.aramex.com/track/results?ShipmentNumber={}", ("aramex",)),
    Carrier(
        "Australia Post",
        "https://auspost.com.au/mypost/track/details/{}",
        ("australia post", "auspost", "aus post"),
        (),
        ("AU",),
    ),
    Carrier("bpost", "https://track.bpost.cloud/btr/web/#/search?itemCode={}", ("bpost",), (), ("BE",)),
    Carrier(
        "Canada Post",
        "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={}",
        ("canada post", "canadapost", "postes canada"),
        (_form(r"(\d{15})(\d)", _GS1),),
        ("CA",),
    ),
    Carrier(
        "Canpar",
        "https://www.canpar.com/en/track/tracking.jsp?reference={}&locale=en",
        ("canpar",),
        (_form(r"[CDKLSUXZ]\d{21}"),),
    ),
    Carrier(
        "Česká pošta",
        "https://www.postaonline.cz/trackandtrace/-/zasilka/cislo?parcelNumbers={}",
        ("ceska posta", "czech post"),
        (),
        ("CZ",),
    ),
    Carrier("Chronopost", "https://www.chronopost.fr/tracking-no-cms/suivi-page?listeNumerosLT={}", ("chronopost",)),
    Carrier(
        "Correios",
        "https://rastreamento.correios.com.br/app/index.php?objetos={}",
        ("correios", "sedex"),
        (),
        ("BR",),
    ),
    Carrier(
        "Correos",
        "https://www.correos.es/es/es/herramientas/localizador/envios/detalle?tracking-number={}",
        ("correos es", "correos spain", "correos espana"),
        (),
        ("ES",),
    ),
    Carrier(
        "CTT",
        "https://appserver.ctt.pt/CustomerArea/PublicArea_Detail?IsFromPublicArea=true"
        "&ObjectCodeInput={0}&SearchInput={0}",
        ("ctt", "correios de portugal"),
        (),
        ("PT",),
    ),
    Carrier(
        "DHL",
        "https://www.dhl.com/global-en/home/tracking.html?tracking-id={}",
        ("dhl",),
        (
            _form(r"(\d{9,10})(\d)", modulo_7),
            _form(r"J[A-Z]{2,3}\d{9,10}"),
            _form(r"(?:GM|LX|RX|UV|CN|SG|TH|IN|HK|MY)\d[0-9A-Z]{9,38}"),
            _form(r"\d{14}"),
        ),
    ),
    Carrier(
        "DHL",
        "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode={}",
        ("dhl paket", "dhl de", "dhl germany", "dhl warenpost", "deutsche post", "deutsche post dhl", "dhl"),
        (_form(r"(00340434\d{11})(\d)", _GS1),),
        ("DE",),
    ),
    Carrier("DPD UK", "https://track.dpd.co.uk/parcels/{}", ("dpd uk", "dpd co uk", "dpd local", "dpd gb")),
    Carrier(
        "DPD",
        "https://www.dpdgroup.com/nl/mydpd/my-parcels/track?lang=en&parcelNumber={}",
        ("dpd",),
        (_form(r"(\d{27})([0-9A-Z])", modulo_37_36), _form(r"(\d{14})([0-9A-Z])", modulo_37_36)),
    ),
    Carrier("Evri", "https://www.evri.com/track/parcel/{}", ("evri", "hermes uk", "myhermes uk", "hermes co uk")),
    Carrier(
        "FedEx",
        "https://www.fedex.com/fedextrack/?trknbr={}",
        ("fedex", "fed ex", "federal express"),
        (
            _form(r"(\d{11})(\d)", _FEDEX),
            _form(r"[0-8]\d{19}(\d{13})(\d)", _TRACK_FEDEX),
            _form(r"(\d{14})(\d)", alternating(1, 3)),
            _form(r"\d\d(\d{15})(\d)", _GS1),
            _form(r"96\d{5}(\d{14})(\d)", alternating(1, 3)),
            _form(r"96\d{18}(\d{13})(\d)", _TRACK_FEDEX),
            _form(r"3\d{15}(\d{11})(\d)\d{4}", _FEDEX),
        ),
    ),
    Carrier("4PX", "https://track.4px.com/#/result/0/{}", ("4px",)),
    Carrier("GLS", "https://gls-group.eu/track/{}", ("gls", "general logistics systems")),
    Carrier(
        "GOFO Express",
        "https://www.gofoexpress.com/tracking.html?searchID={}",
        ("gofo", "gofoexpress"),
        (_form(r"GFUS\d{14}"),),
    ),
    Carrier(
        "Hermes",
        "https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation/#{}",
        ("hermes", "myhermes"),
    ),
    Carrier("InPost", "https://inpost.pl/sledzenie-przesylek?number={}", ("inpost",)),
    Carrier("Jadlog", "https://www.jadlog.com.br/tracking?cte={}", ("jadlog",)),
    Carrier(
        "Japan Post",
        "https://trackings.post.japanpost.jp/services/srv/search/direct?reqCodeNo1={}&locale=en",
        ("japan post", "japanpost", "jp post"),
        (),
        ("JP",),
    ),
    Carrier(
        "Landmark Global",
        "https://track.landmarkglobal.com/?search={}",
        ("landmark global", "landmarkglobal"),
        (_form(r"LTN\d{8}N1"),),
    ),
    Carrier(
        "LaserShip",
        "",
        ("lasership", "laser ship"),
        (
            _form(r"L[AEHINX][123]\d{7}"),
            _form(r"1LS7[12]\d{10}"),
            _form(r"1LS7[12]\d\d01[1-4]\d{6}-1"),
            _form(r"1LSCX[0-9A-Z]{10}"),
        ),
    ),
    Carrier(
        "La Poste",
        "https://www.laposte.fr/outils/suivre-vos-envois?code={}",
        ("colissimo", "lettre suivie", "laposte"),
        (),
        ("FR",),
    ),
    Carrier(
        "NZ Post", "https://www.nzpost.co.nz/tools/tracking?trackid={}", ("nz post", "new zealand post"), (), ("NZ",)
    ),
    Carrier(
        "Old Dominion",
        "https://www.odfl.com/us/en/tools/trace-track-ltl-freight/trace.html?proNumbers={}",
        ("old dominion", "odfl"),
        (_form(r"((?:77[78]|072|780)\d{7})(\d)", luhn), _form(r"(80\d{8})(\d)", luhn)),
    ),
    Carrier(
        "OnTrac",
        "https://www.ontrac.com/tracking/?number={}",
        ("ontrac",),
        (
            _form(r"C(\d{13})(\d)", alternating(1, 2, begins="4")),
            _form(r"D(\d{13})(\d)", alternating(1, 2, begins="5")),
        ),
    ),
    Carrier(
        "Österreichische Post",
        "https://www.post.at/sv/sendungsdetails?snr={}",
        ("osterreichische post", "oesterreichische post", "austrian post", "post at"),
        (),
        ("AT",),
    ),
    Carrier("Packeta", "https://tracking.packeta.com/en/?id={}", ("packeta", "zasilkovna")),
    Carrier("Parcelforce", "https://www.parcelforce.com/track-trace?trackNumber={}", ("parcelforce", "parcel force")),
    Carrier(
        "Poczta Polska", "https://emonitoring.poczta-polska.pl/?numer={}", ("poczta polska", "polish post"), (), ("PL",)
    ),
    Carrier(
        "Poste Italiane",
        "https://www.poste.it/cerca/index.html#/risultati-spedizioni/{}",
        ("poste italiane",),
        (),
        ("IT",),
    ),
    Carrier("Posten Norge", "https://sporing.posten.no/sporing/{}", ("posten norge", "norway post"), (), ("NO",)),
    Carrier("Posti", "https://www.posti.fi/en/tracking#/lahetys/{}", ("posti", "itella"), (), ("FI",)),
    Carrier("PostNL", "https://jouw.postnl.nl/track-and-trace/{}", ("postnl", "post nl"), (), ("NL",)),
    Carrier(
        "PostNord",
        "https://portal.postnord.com/tracking/details/{}",
        ("postnord", "post danmark", "posten sverige"),
        (),
        ("SE", "DK"),
    ),
    Carrier(
        "Purolator",
        "https://www.purolator.com/en/shipping/tracker?pin={}",
        ("purolator",),
        (_form(r"([0-5]\d{10})(\d)", luhn), _form(r"[A-Z]{3}\d{9}")),
    ),
    Carrier(
        "Royal Mail",
        "https://www.royalmail.com/track-your-item#/tracking-results/{}",
        ("royal mail", "royalmail"),
        (),
        ("GB",),
    ),
    Carrier("Sagawa", "https://k2k.sagawa-exp.co.jp/p/web/okurijosearch.do?okurijoNo={}", ("sagawa",)),
    Carrier("Sendle", "https://track.sendle.com/tracking?ref={}", ("sendle",)),
    Carrier("SEUR", "https://www.seur.com/livetracking/?segOnlineIdentificador={}", ("seur",)),
    Carrier(
        "Spee-Dee",
        "https://www.speedeedelivery.com/track/?tracking={}",
        ("spee dee", "speedee"),
        (_form(r"SP\d{18}"),),
    ),
    Carrier(
        "Swiss Post",
        "https://service.post.ch/ekp-web/ui/entry/search/{}",
        ("swiss post", "swisspost", "schweizerische post", "die post ch", "la poste suisse", "post ch"),
        (),
        ("CH",),
    ),
    Carrier(
        "TNT", "https://www.tnt.com/express/en_us/site/tracking.html?searchType=con&cons={}", ("tnt", "tnt express")
    ),
    Carrier(
        "UPS",
        "https://www.ups.com/track?tracknum={}",
        ("ups", "united parcel service"),
        (
            _form(r"1Z([0-9A-Z]{15})(\d)", alternating(1, 2)),
            _form(r"[AHJKTV](\d{9})(\d)", alternating(1, 2)),
        ),
    ),
    Carrier(
        "USPS",
        "https://tools.usps.com/go/TrackConfirmAction?tLabels={}",
        ("usps", "us postal service", "u s postal service", "united states postal service"),
        (
            # Not 00: so begins what GS1 has carriers of all kinds number their parcels with.
            _form(r"(?!00)(\d{19})(\d)", _GS1),
            _form(r"(?:420\d{5}(?:\d{4})?)?(?!00)((?:91)?\d{19})(\d)", alternating(3, 1, begins="91")),
            _form(rf"(?:420\d{{5}}(?:\d{{4}})?)?({_RETAIL}{_SHORT})(\d)", _GS1),
            _form(rf"(?:420\d{{5}})?({_RETAIL}{_LONG})(\d)", _GS1),
            _form(r"(94\d{3}9\d{8}\d{15})(\d)", _GS1),
        ),
        ("US",),
    ),
    Carrier("Yamato", "https://jizen.kuronekoyamato.co.jp/jizen/servlet/crjz.b.NQ0010?id={}", ("yamato",)),
    Carrier("Yodel", "https://www.yodel.co.uk/tracking/{}", ("yodel",), (_form(r"JJ?D\d{16}"),)),
    Carrier(
        "YunExpress",
        "https://www.yuntrack.com/parcelTracking?id={}",
        ("yunexpress", "yun express"),
        (_form(r"YT\d{16}"),),
    ),
)

#: Postal items between countries (UPU S10): service, serial number, and the country whose post numbered it.
POSTAL = _form(r"[A-Z]{2}(\d{8})(\d)[A-Z]{2}", s10)
#: The countries of the Universal Postal Union, and those whose posts number their items by its rules.
_COUNTRIES = (
    "AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM "
    "CN CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FO FR GA GB GD GE GG GH GI GL GM GN GQ GR GT "
    "GW GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KZ LA LB LC LI LK LR "
    "LS LT LU LV LY MA MC MD ME MG MK ML MM MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG "
    "PH PK PL PS PT PY QA RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN SO SR SS ST SV SY SZ TD TG TH TJ TL TM TN "
    "TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VN VU WS XK YE ZA ZM ZW"
)
COUNTRIES = frozenset(_COUNTRIES.split())
