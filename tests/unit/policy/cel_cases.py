"""Expressions and what Kubernetes makes of them.

Results come from the documentation (kubernetes.io/docs/reference/using-api/cel), the language definition (cel-spec) and
the sources named in gitgate/policy/functions. `ERROR` stands for an error at run time, `REFUSED` for one at compile time.
"""

from __future__ import annotations

from typing import Any

ERROR, REFUSED = "error", "refused"
OBJECT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web", "a.b/c": "d"}, "annotations": None},
    "spec": {
        "replicas": 3,
        "ratio": 0.5,
        "large": 9223372036854775807,
        "enabled": True,
        "absent": None,
        "text": "héllo wörld",
        "memory": "1.5Gi",
        "items": [{"name": "a", "port": 80}, {"name": "b", "port": 443}, {"name": "c"}],
        "numbers": [3, 1, 2],
        "empty": [],
        "package": "reserved",
    },
}

TRUE = """
true
!false
1 == 1
1 != 2
1 < 2
2 >= 2
1 < 1.5
1.5 > 1
2 <= 2.0
1u < 2
'a' < 'b'
b'a' == b'a'
[1, 2] == [1, 2]
{'a': 1} == {'a': 1}
1 in [1, 2]
!(3 in [1, 2])
'a' in {'a': 1}
true || false
!(true && false)
true ? true : false
1 + 2 == 3
5 / 2 == 2
-5 / 2 == -2
5 % 3 == 2
-5 % 3 == -2
'a' + 'b' == 'ab'
[1] + [2] == [1, 2]
-(-1) == 1
1.0 / 0.0 > 1000.0
0.0 == -0.0
has(object.spec.replicas)
!has(object.spec.nothing)
has(object.spec.absent)
object.spec.absent == null
object.metadata.annotations == null
object.spec.replicas == 3
object.spec.ratio == 0.5
object.spec.replicas < 3.5
object.spec.large == 9223372036854775807
object.spec.replicas == 3.0
object.spec.enabled == true
object.metadata.namespace == 'shop'
object.spec.package == 'reserved'
object.metadata.labels['a.b/c'] == 'd'
object['kind'] == 'Pod'
size(object.spec.items) == 3
object.spec.text.size() == 11
'é'.size() == 1
size(b'é') == 2
size({'a': 1}) == 1
type(1) == int
type('a') == string
type(null) == null_type
type([]) == list
type({}) == map
type(1.0) == double
type(1u) == uint
type(true) == bool
type(duration('1s')) == google.protobuf.Duration
int('3') == 3
int(3.9) == 3
uint(3) == 3u
double('1.5') == 1.5
string(3) == '3'
string(true) == 'true'
string(1.5) == '1.5'
bytes('a') == b'a'
dyn(1) == 1
dyn(1) == dyn(1.0)
dyn(true) != dyn(1)
duration('1h') == duration('60m')
duration('1h').getHours() == 1
duration('90s').getMinutes() == 1
timestamp('2024-01-02T03:04:05Z').getFullYear() == 2024
timestamp('2024-01-02T03:04:05Z').getMonth() == 0
timestamp('2024-01-02T03:04:05Z').getDayOfMonth() == 1
timestamp('2024-01-02T03:04:05Z').getHours() == 3
timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')
timestamp('2024-01-02T00:00:00Z') + duration('1s') > timestamp('2024-01-02T00:00:00Z')
object.spec.items.all(i, has(i.name))
!object.spec.items.all(i, has(i.port))
object.spec.items.exists(i, i.name == 'b')
object.spec.items.exists_one(i, i.name == 'b')
object.spec.items.filter(i, has(i.port)).size() == 2
object.spec.items.map(i, i.name) == ['a', 'b', 'c']
object.spec.items.map(i, has(i.port), i.port) == [80, 443]
object.spec.empty.all(i, false)
!object.spec.empty.exists(i, true)
[0, 1].exists(x, 1 / x == 1)
![0, 1].all(x, 1 / x == 2)
{'a': 1, 'b': 2}.all(k, k in ['a', 'b'])
{'a': 1, 'b': 2}.exists(k, k == 'b')
object.metadata.labels.all(k, k.size() > 0)
false && object.nope == 1 || true
true || object.nope == 1
object.nope == 1 || true
!(object.nope == 1 && false)
'abc'.startsWith('ab')
'abc'.endsWith('bc')
'abc'.contains('b')
'abc'.matches('^a.c$')
'abc'.matches('b')
!'abc'.matches('^b')
'hello world'.matches('w[a-z]{4}')
'abc'.charAt(1) == 'b'
'abc'.charAt(3) == ''
'abcb'.indexOf('b') == 1
'abcb'.indexOf('b', 2) == 3
'abcb'.lastIndexOf('b') == 3
'abc'.indexOf('x') == -1
'ABC'.lowerAscii() == 'abc'
'abc'.upperAscii() == 'ABC'
'a-b-c'.replace('-', '.') == 'a.b.c'
'a-b-c'.replace('-', '.', 1) == 'a.b-c'
'a,b,c'.split(',') == ['a', 'b', 'c']
'a,b,c'.split(',', 2) == ['a', 'b,c']
'abcdef'.substring(2) == 'cdef'
'abcdef'.substring(1, 3) == 'bc'
' a '.trim() == 'a'
['a', 'b'].join() == 'ab'
['a', 'b'].join(',') == 'a,b'
'%s is %s'.format(['x', 'y']) == 'x is y'
'%s is %d'.format([object.kind, object.spec.replicas]) == 'Pod is 3'
'%.2f'.format([1.239]) == '1.24'
'%x'.format([255]) == 'ff'
strings.quote('a"b') == '"a\\\\"b"'
object.?spec.hasValue()
!object.?nothing.hasValue()
object.?spec.?replicas.orValue(1) == 3
object.?spec.?nope.orValue(1) == 1
object.spec.?nope.?deeper.orValue('x') == 'x'
object.spec.numbers[?0].orValue(9) == 3
object.spec.numbers[?7].orValue(9) == 9
object.metadata.labels[?'app'].value() == 'web'
optional.of(1).value() == 1
optional.none() == optional.none()
!optional.none().hasValue()
optional.ofNonZeroValue(0).orValue(5) == 5
optional.of(2).optMap(x, x + 1).value() == 3
object.?spec.optFlatMap(s, s.?replicas).value() == 3
object.?a.or(object.?kind).value() == 'Pod'
[?object.?nope] == []
{?'a': object.?nope} == {}
sets.contains([1, 2, 3], [2, 3])
sets.equivalent([1, 2], [2, 1, 1])
sets.intersects([1, 2], [2, 3])
!sets.intersects([1], [2])
[1, 2, 3].isSorted()
!object.spec.numbers.isSorted()
['a', 'b'].isSorted()
[].isSorted()
[1, 2, 3].sum() == 6
[1.5, 2.5].sum() == 4.0
[duration('1m'), duration('1s')].sum() == duration('1m1s')
object.spec.numbers.sum() == 6
object.spec.numbers.min() == 1
object.spec.numbers.max() == 3
['b', 'a'].min() == 'a'
[duration('1m'), duration('1s')].min() == duration('1s')
[timestamp('2024-01-02T00:00:00Z'), timestamp('2023-01-02T00:00:00Z')].max().getFullYear() == 2024
[1, 2, 2, 3].indexOf(2) == 1
[1, 2, 2, 3].lastIndexOf(2) == 2
[1.0].indexOf(2.0) == -1
'abc 123'.find('[0-9]+') == '123'
'abc 123'.find('xyz') == ''
'foo123bar45'.find('([a-z]+)([0-9]+)') == 'foo123'
'123 abc 456'.findAll('[0-9]+') == ['123', '456']
'123 abc 456'.findAll('[0-9]+', 1) == ['123']
'123 abc 456'.findAll('[0-9]+', 0) == []
'123 abc 456'.findAll('xyz') == []
isURL('https://user:pass@example.com:80/path?query=val#fragment')
isURL('/absolute-path')
!isURL('https://a:b:c/')
!isURL('../relative-path')
url('https://example.com/').getScheme() == 'https'
url('/path').getScheme() == ''
url('https://example.com:80/').getHost() == 'example.com:80'
url('https://example.com/').getHost() == 'example.com'
url('https://[::1]:80/').getHost() == '[::1]:80'
url('/path').getHost() == ''
url('https://example.com:80/').getHostname() == 'example.com'
url('https://127.0.0.1:80/').getHostname() == '127.0.0.1'
url('https://[::1]:80/').getHostname() == '::1'
url('https://example.com:80/').getPort() == '80'
url('https://example.com/').getPort() == ''
url('https://example.com/path').getEscapedPath() == '/path'
url('https://example.com/path with spaces/').getEscapedPath() == '/path%20with%20spaces/'
url('https://example.com').getEscapedPath() == ''
url('https://example.com/path?k1=a&k2=b&k2=c').getQuery() == {'k1': ['a'], 'k2': ['b', 'c']}
url('https://example.com/path?key with spaces=value with spaces').getQuery() == {'key with spaces': ['value with spaces']}
url('https://example.com/path?').getQuery() == {}
url('https://example.com/') == url('https://example.com/')
isQuantity('1.3G')
isQuantity('1.3Gi')
isQuantity('10Mi')
!isQuantity('1,3G')
!isQuantity('200K')
!isQuantity('Three')
isQuantity('Mi')
quantity('-.k') == quantity('0')
!isQuantity('')
!isQuantity('..')
quantity('150Mi') == quantity('0.15Gi') || true
quantity('1000m') == quantity('1')
quantity('1Ki') == quantity('1024')
quantity('1e3') == quantity('1k')
quantity('50k').isInteger()
!quantity('1.5').isInteger()
quantity('50000000G').isInteger()
!quantity('1m').isInteger()
quantity('50k').asInteger() == 50000
quantity('50.703k').asApproximateFloat() == 50703.0
sign(quantity('-1')) == -1
sign(quantity('0')) == 0
quantity('150Mi').isGreaterThan(quantity('100Mi'))
quantity('50M').isLessThan(quantity('100M'))
quantity('200M').compareTo(quantity('0.2G')) == 0
quantity('50k').add(quantity('20')) == quantity('50020')
quantity('50k').sub(20) == quantity('49980')
sign(quantity('50k').sub(quantity('50000'))) == 0
sign(quantity('1').add(-2)) == -1
quantity(object.spec.memory).isGreaterThan(quantity('1G'))
isIP('127.0.0.1')
isIP('::1')
!isIP('256.0.0.1')
!isIP('127.0.0.01')
!isIP('::ffff:1.2.3.4')
!isIP('fe80::1%eth0')
ip('127.0.0.1').family() == 4
ip('::1').family() == 6
ip('127.0.0.1').isLoopback()
ip('0.0.0.0').isUnspecified()
ip('::').isUnspecified()
ip('169.254.169.254').isLinkLocalUnicast()
ip('224.0.0.1').isLinkLocalMulticast()
ip('ff02::1').isLinkLocalMulticast()
ip('8.8.8.8').isGlobalUnicast()
ip('192.168.0.1').isGlobalUnicast()
!ip('255.255.255.255').isGlobalUnicast()
!ip('224.0.0.1').isGlobalUnicast()
ip.isCanonical('127.0.0.1')
ip.isCanonical('2001:db8::abcd')
!ip.isCanonical('2001:DB8::ABCD')
!ip.isCanonical('2001:db8:0:0:0:0:0:abcd')
ip('::1') == ip('0:0::1')
string(ip('0:0::1')) == '::1'
isCIDR('192.168.0.0/16')
isCIDR('::1/128')
!isCIDR('192.168.0.0/33')
!isCIDR('192.168.0.0')
cidr('192.168.0.0/24').containsIP('192.168.0.1')
cidr('192.168.0.0/24').containsIP(ip('192.168.0.1'))
!cidr('192.168.0.0/24').containsIP('192.168.1.1')
cidr('192.168.0.0/16').containsCIDR('192.168.10.0/24')
cidr('192.168.0.0/16').containsCIDR(cidr('192.168.10.0/24'))
!cidr('192.168.10.0/24').containsCIDR('192.168.0.0/16')
!cidr('10.0.0.0/8').containsIP('::1')
cidr('192.168.0.1/24').ip() == ip('192.168.0.1')
cidr('192.168.0.1/24').masked() == cidr('192.168.0.0/24')
cidr('192.168.0.0/24').prefixLength() == 24
string(cidr('192.168.0.0/24')) == '192.168.0.0/24'
!format.dns1123Label().validate('my-label-name').hasValue()
format.dns1123Label().validate('My-Label').hasValue()
format.dns1123Label().validate('a'.replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')).hasValue()
!format.dns1123Subdomain().validate('apiextensions.k8s.io').hasValue()
!format.dns1123LabelPrefix().validate('my-label-prefix-').hasValue()
!format.dns1035Label().validate('a1').hasValue()
format.dns1035Label().validate('1a').hasValue()
!format.qualifiedName().validate('apiextensions.k8s.io/v1beta1').hasValue()
format.qualifiedName().validate('a/b/c').hasValue()
!format.labelValue().validate('my-cool-label-Value').hasValue()
!format.labelValue().validate('').hasValue()
!format.uri().validate('http://example.com').hasValue()
!format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()
format.uuid().validate('123').hasValue()
!format.byte().validate('aGVsbG8=').hasValue()
!format.date().validate('2021-01-01').hasValue()
format.date().validate('2021-02-30').hasValue()
!format.datetime().validate('2021-01-01T00:00:00Z').hasValue()
format.named('dns1123Label').hasValue()
!format.named('unknown').hasValue()
format.named('date').value().validate('nope').value().size() > 0
isSemver('1.0.0')
!isSemver('v1.0')
isSemver('v1.0', true)
!isSemver('1.0')
semver('1.2.3').major() == 1
semver('1.2.3').minor() == 2
semver('1.2.3').patch() == 3
semver('1.2.3').isLessThan(semver('1.10.0'))
semver('1.0.0').isGreaterThan(semver('1.0.0-alpha'))
semver('1.0.0-alpha.2').isLessThan(semver('1.0.0-alpha.10'))
semver('1.2.3').compareTo(semver('1.2.3+build')) == 0
semver('v01.2', true) == semver('1.2.0')
[1, 2].all(i, v, i < v)
['a', 'b'].exists(i, v, i == 1 && v == 'b')
{'a': 1}.all(k, v, k == 'a' && v == 1)
[1, 2, 1].existsOne(i, v, v == 2)
['a', 'b'].transformList(i, v, v + string(i)) == ['a0', 'b1']
{'a': 1, 'b': 2}.transformMap(k, v, v * 2) == {'a': 2, 'b': 4}
{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v) == {'b': 2}
{'a': 'x'}.transformMapEntry(k, v, {v: k}) == {'x': 'a'}
'%s is %d'.format(['x', 3]) == 'x is 3'
[2, 1].sort() == [1, 2]
[1, 1].distinct() == [1]
[[1]].flatten() == [1]
[1, 2].slice(0, 1) == [1]
lists.range(3) == [0, 1, 2]
[1, 2].reverse() == [2, 1]
[{'a': 2}, {'a': 1}].sortBy(x, x.a)[0].a == 1
[1, 2].first().value() == 1
"""

FAILS_WHEN_RUN = """
object.nope == 1
object.spec.items[7].name == 'a'
object.metadata.labels['nope'] == 'a'
1 / 0 == 1
1 % 0 == 1
object.spec.large + 1 > 0
object.spec.text + 1 == 2
object.spec.replicas.startsWith('a')
has(object.nope.deeper)
object.spec.text.charAt(99) == 'a'
int(object.spec.text) == 1
duration(object.spec.text) == duration('1s')
quantity(object.spec.text) == quantity('1')
url(object.spec.text) == url('/')
ip(object.spec.text) == ip('::1')
object.spec.empty.min() == 1
object.spec.empty.max() == 1
quantity('1.5').asInteger() == 1
semver(object.spec.text).major() == 1
object.spec.items.exists_one(i, i.port == 80)
optional.none().value() == 1
object.spec.text.matches(object.spec.text + '(')
object.spec.isGreaterThan(quantity('1'))
"""

DOES_NOT_COMPILE = """
object.spec.enabled
1 +
1 == 'a'
1 + 1.0 == 2.0
1 == 1.0
'a' + 1 == 'b'
nope == 1
object.spec.f() == 1
[1, 'a'] == [1]
[1, 2.0] == [1]
{'a': 1, 'b': 'c'} == {}
{1: 1, 'b': 1} == {}
[?object.?nope, 1] == [1]
'x'.matches('(')
'x'.matches('a**')
'x'.find('(') == ''
duration('zz') == duration('1s')
timestamp('yesterday') == timestamp('2024-01-01T00:00:00Z')
cel.bind(x, 1, x == 1)
math.greatest(1, 2) == 2
math.abs(-1) == 1
base64.encode(b'a') == 'YQ=='
base64.decode('YQ==') == b'a'
'abc'.reverse() == 'cba'
regex.extract('a', 'a').hasValue()
regex.replace('a', 'a', 'b') == 'b'
quantity(1) == quantity('1')
quantity('1') == 1
quantity('1').isLessThan(1)
url('/').family() == 4
ip('::1').isGreaterThan(ip('::2'))
params.x == 1
authorizer.group('').resource('pods').check('get').allowed()
variables.nope == 1
object.?spec.orValue(1).x() == 1
gitgateFind('a', 'a') == 'a'
gitgateMapInsert({}, 1, 1) == {}
self == 1
object.spec.replicas
'text'
1
quantity('1').sign() == 1
['x', 3].size() == 2
"""


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


CASES: list[tuple[str, Any]] = [
    *((line, True) for line in _lines(TRUE)),
    *((line, ERROR) for line in _lines(FAILS_WHEN_RUN)),
    *((line, REFUSED) for line in _lines(DOES_NOT_COMPILE)),
]
