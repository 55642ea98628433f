"""What people answer to text messages, to be left alone, to hear again, or to ask who writes.

It counts as such only if it is the whole message: whoever writes "please stop by" wants something else. Case, accents,
spaces and punctuation do not matter. Twilio's own words (English) and those that people use elsewhere.
"""

from __future__ import annotations

import unicodedata
from enum import Enum


class Word(Enum):
    """What a whole message asks for; the values are Twilio's `OptOutType`."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"


def _folded(text: str) -> str:
    """`text` without what people write differently: case, accents, spaces, punctuation."""
    # Longer is no keyword, and need not be looked at.
    plain = unicodedata.normalize("NFKD", text[:100].casefold())
    return "".join(character for character in plain if character.isalnum())


_WORDS = {
    Word.STOP: """
        STOP STOPALL UNSUBSCRIBE END QUIT CANCEL REVOKE OPTOUT
        STOPP ABMELDEN ABBESTELLEN AUSTRAGEN
        ARRET ARRÊT ARRÊTER ARRÊTEZ DÉSABONNER DÉSINSCRIRE
        BAJA PARAR ALTO CANCELAR SAIR
        FERMA CANCELLA DISISCRIVI
        STOPPEN AFMELDEN UITSCHRIJVEN
        AFMELD AVSLUTA AVREGISTRERA AVSLUTT MELDAV LOPETA
        WYPISZ ODHLÁSIT LEIRATKOZÁS DEZABONARE ODJAVA
        СТОП ОТПИСАТЬСЯ ΣΤΟΠ İPTAL RET BERHENTI
        停止 配信停止 退订 退訂 중지 إلغاء
    """,
    Word.START: """
        START UNSTOP YES SUBSCRIBE OPTIN
        ANMELDEN ALTA DÉMARRER ISCRIVI AANMELDEN СТАРТ
    """,
    Word.HELP: """
        HELP INFO HILFE AIDE AYUDA AJUDA AIUTO HULP HJÄLP HJÆLP HJELP APUA POMOC ПОМОЩЬ
    """,
}
_KNOWN = {_folded(text): word for word, texts in _WORDS.items() for text in texts.split()}


def word_of(body: str) -> Word | None:
    """What a message asks for; None: it is an answer like any other."""
    return _KNOWN.get(_folded(body)) if len(body) <= 100 else None
