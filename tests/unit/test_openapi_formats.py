from __future__ import annotations

import pytest

from gitgate.openapi_formats import FORMATS, custom_resource_format


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("byte", ["", "aGk=", "aGk=\r\n"], ["aGk", "a", "é", "====", "aGk= "]),
        ("date", ["2024-02-29", "0000-01-01"], ["2023-02-29", "2024-13-01", "2024-1-1", "2024-01-00", "٢٠٢٤-01-01"]),
        ("date-time", ["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.123456+02:00"], ["2024-01-02t03:04:05z", "2024-01-02 03:04:05Z", "2024-01-02T24:00:00Z", "2024-01-02T03:04:60Z", "2024-01-02", "", "2024-01-02T03:04:05"]),
        ("datetime", ["2024-01-02t03:04:05z", "2024-01-02T03:04:05Z"], ["2024-02-30T03:04:05Z", "x"]),
        ("duration", ["1h30m", "0", "-1.5h", "2 days", "3 weeks", "1us", "1µs"], ["", "1", "1x", "h", "1h 30 m x"]),
        ("ipv4", ["192.0.2.1"], ["192.0.2.01", "192.0.2", "::1", "192.0.2.256"]),
        ("ipv6", ["::1", "2001:db8::"], ["192.0.2.1", "::1%eth0", "1::2::3"]),
        ("cidr", ["192.0.2.1/24", "2001:db8::/32"], ["192.0.2.1", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/x", "192.0.2.0/255.255.255.0", "::/129"]),
        ("mac", ["00:1a:2B:3c:4d:5e", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e"], ["00:1a:2b:3c:4d", "00:1a-2b:3c:4d:5e", "x"]),
        ("uuid", ["3B241101-e2bb-4255-8caf-4136c566a962", "3b241101e2bb42558caf4136c566a962"], ["3b241101", "g" * 32]),
        ("uuid4", ["3b241101-e2bb-4255-8caf-4136c566a962"], ["3b241101-e2bb-1255-8caf-4136c566a962"]),
        ("hostname", ["a", "web.example.com", "web_1-x.example"], ["", "-a", "a..b", "a b", "a" * 64, ".".join(["a"] * 200)]),
        ("uri", ["https://example.com/x?y#z", "/path", "mailto:a@b", "*"], ["", "example.com/x", "http://a b", "https://\n"]),
        ("email", ["a@example.com"], ["a", "@b", "a@", "a@b\n"]),
        ("hexcolor", ["#fff", "A1b2C3"], ["#ff", "red"]),
        ("ssn", ["123-45-6789", "123 45 6789"], ["1234-5-6789"]),
        ("bsonobjectid", ["507f1f77bcf86cd799439011"], ["507f1f77"]),
    ],
)  # fmt: skip
def test_formats(name, valid, invalid):
    assert [text for text in valid if not FORMATS[name](text)] == []
    assert [text for text in invalid if FORMATS[name](text)] == []


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("date-time", "datetime"),
        ("datetime", "datetime"),
        ("ipv4", "ipv4"),
        ("int64", None),
        ("regex", None),
        ("", None),
    ],
)
def test_a_definitions_format_is_found_as_the_api_server_normalises_it(written, found):
    assert custom_resource_format(written) == found
