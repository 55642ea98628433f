"""Where requests may go: URLs as people and attackers write them, addresses as registries have them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.errors import AddressRefused
from messaging.rules.places import Place, is_near, is_public, place_of, read_api_host


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
        *("198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1"),
        *("255.255.255.255", "168.63.129.16"),
        *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::1"),
        *("2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
        *("fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1"),
    ],
)
def test_not_the_worlds(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.32.0.0", "192.0.1.0", "223.255.255.255"),
        *("2606:4700::1111", "2001:200::1", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"),
    ],
)
def test_the_worlds(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_calls_private(address: object) -> None:
    known = ip_address(str(address))
    if is_public(str(known)):
        inside = known.ipv4_mapped if known.version == 6 else None
        plain = inside or known
        assert str(known).startswith("64:ff9b:") or plain.is_global
        assert not any((plain.is_multicast, plain.is_loopback, plain.is_link_local, plain.is_unspecified))


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("https://EXAMPLE.com:8443/a/b?c=d&e=%20#part", "example.com", 8443, "/a/b?c=d&e=%20"),
        ("https://example.com.", "example.com", 443, "/"),
        ("https://example.com?x=1", "example.com", 443, "/?x=1"),
        ("https://bücher.example/ä?ö=ü", "xn--bcher-kva.example", 443, "/%C3%A4?%C3%B6=%C3%BC"),
        ("https://[2606:4700::1111]:444/", "2606:4700::1111", 444, "/"),
        ("https://127.1/", "127.1", 443, "/"),
        ("https://2130706433/", "2130706433", 443, "/"),
        ("https://①②⑦.0.0.1/", "127.0.0.1", 443, "/"),
        ("https://my_host.example/", "my_host.example", 443, "/"),
    ],
)
def test_what_a_url_names(url: str, host: str, port: int, target: str) -> None:
    assert place_of(url, allow_http=False) == Place("https", host, port, target)


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.com", "c0001", "ann@example.com", "+43720000001", "//example.com/", "https://", "https:///hook"),
        *("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "HTTPS//x"),
        *("https://user:secret@example.com/", "https://user@example.com/", "https://example.com@evil.example/"),
        *("https://exa mple.com/", "https://example.com/a b", "https://example.com/\r\nHost: evil", "https://a\\b/"),
        *("https://example.com:0/", "https://example.com:70000/", "https://example.com:x/", "https://[::1/"),
        *("https://[fe80::1%25eth0]/", "https://a..b/", "https://-a/", "https://.example.com/", "https://a,b/"),
        *(
            "https://" + "a" * 64 + ".example/",
            "https://" + "a" * 300,
            "https://example.com/" + "x" * 9000,
            "https://\ud800.example/",
            "https://[v1.x]/",
        ),
        *("https://example.com\u2028/", " https://example.com/", "https://example.com/\x00", "https://%65xample.com/"),
    ],
)
def test_what_is_no_place(url: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        place_of(url, allow_http=False)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_http_only_if_it_is_allowed() -> None:
    assert place_of("http://example.com/x", allow_http=True) == Place("http", "example.com", 80, "/x")
    with pytest.raises(AddressRefused, match="allow_http"):
        place_of("http://example.com/x", allow_http=False)


@given(st.text(max_size=60))
def test_any_text_is_a_place_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}", f"https://{text}.example.com/"):
        try:
            place = place_of(url, allow_http=True)
        except AddressRefused:
            continue
        assert place.host.isascii()
        assert not set(" \r\n\t/@?#\\") & set(place.host)
        assert place.target.startswith("/")
        assert place.target.isascii()
        assert not any(character <= " " for character in place.target)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.example.com", "https://api.example.com"),
        (" api.example.com/ \n", "https://api.example.com"),
        ("api.example.com:8443", "https://api.example.com:8443"),
        ("https://api.example.com?", "https://api.example.com"),
        ("https://api.example.com#", "https://api.example.com"),
        ("http://127.0.0.1:4010", "http://127.0.0.1:4010"),
        ("http://[::1]:4010", "http://[::1]:4010"),
        ("http://standin", "http://standin"),
        ("http://a.localhost", "http://a.localhost"),
        ("http://10.0.0.9", "http://10.0.0.9"),
    ],
)
def test_where_an_api_is(text: str, url: str) -> None:
    assert read_api_host(text) == read_api_host(url) == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "https://", "ftp://localhost", "https://x.example/path", "https://x.example?q=1", "https://x.example#p"),
        *("https://x.example:99999", "https://x.example:0", "https://user@x.example", "https://[::1", "https://a b"),
        *("http://api.example.com", "http://8.8.8.8", "http://localhost.example.com"),
    ],
)
def test_no_api_is_there(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        read_api_host(text)


@given(st.text(max_size=40))
def test_where_an_api_is_reads_what_it_made(text: str) -> None:
    try:
        url = read_api_host(text)
    except ValueError:
        return
    assert read_api_host(url) == url
    assert place_of(url, allow_http=True).target == "/"


@pytest.mark.parametrize(("host", "near"), [("127.0.0.1", True), ("::1", True), ("box", True), ("a.b", False)])
def test_near(host: str, near: bool) -> None:
    assert is_near(host) is near
