"""Expressions and statements for make_template_fixtures.py: one a line of what Jinja can do.

The file is long because it is a list."""

VARIABLES = {
    "s": "  Hello, Wörld! ", "w": "straße ΑΣ", "n": 7, "m": -3, "f": 2.5, "big": 1e16, "tiny": 0.00001, "yes": True,
    "no": False, "nothing": None, "xs": [3, 1, 2], "names": ["b", "A", "c", "a"], "empty": [], "t": (1, "x"),
    "d": {"role": "user", "items": 5, "b": 2, "A": [1, {"k": "v"}]},
    "people": [{"name": "Zoë", "age": 3, "tags": ["x"]}, {"name": "al", "age": 1, "tags": []}, {"name": "Bo", "age": 3}],
    "quote": "it's \"so\" \\ \n\t\x01é\u200b", "csv": "a,b,,c", "html": "<a href='x'>&</a>", "lines": "one\n\n two\r\nthree",
}

EXPRESSIONS = """
1 + 2 * 3 ** 2
-2 ** 2
2 ** -1
7 // 2
-7 // 2
7 % -3
-7 % 3
7.5 // 2
-7.5 % 2
7 / 2
4 / 2
1 / 0
1 // 0
1e3
1.5e-7
1_000
0x1F
0b101
0o17
big
tiny
1e22
123456789.125
0.1 + 0.2
100 * 1.1
f ** 2
n + f
'a' + 'b'
'a' ~ 1 ~ none ~ true ~ missing
'a' 'b'
'a' * 3
3 * 'ab'
[1] * 2 + [2]
(1, 2) + (3,)
'a' + 1
1 + none
xs + t
missing
missing.a
missing['a']
missing + 1
missing ~ 'x'
nothing.a
nothing.a.b
nothing['a']
d.missing
d.missing.x
d['missing'] is defined
d.role
d.items
d['items']
d.items()
d.keys()
d.values()
d.items() | list
d.get('role')
d.get('zzz')
d.get('zzz', 4)
d['A'][1].k
d.A.1.k
d[0]
d['keys']
xs[0]
xs[-1]
xs[9]
xs[9] is defined
xs['0']
xs[true]
xs[1:]
xs[:-1]
xs[::-1]
xs[5:]
xs[-2:10]
xs[2:0:-1]
xs[::2]
xs[none:2]
xs[::0]
s[1:4]
s[::-1]
s[2]
s[-2]
s['strip']()
t[1]
t[:1]
d[1:2]
n[1:2]
missing[1:]
s.strip()
s.strip(' !')
s.lstrip()
s.rstrip()
s.upper()
s.lower()
w.upper()
w.lower()
w.title()
w.capitalize()
w | title
w | capitalize
'ΑΣ ΣΑΣ'.lower()
'hello world-foo (bar)' | title
"it's x" | title
"it's x".title()
'aBc'.swapcase()
csv.split(',')
csv.split(',', 1)
csv.split(',', maxsplit=1)
csv.rsplit(',', 1)
csv.rsplit(',')
csv.split('')
s.split()
' a  b c '.split(None, 1)
' a  b c '.rsplit(None, 1)
'a<b>c<b>d'.split('<b>')
'a</think>b</think>c'.split('</think>')[-1].lstrip('\\n')
lines.splitlines()
lines.splitlines(true)
'a=b=c'.partition('=')
'a=b=c'.rpartition('=')
'abc'.partition('x')
'abc'.startswith('a')
'abc'.startswith(('x', 'a'))
'abc'.startswith('b', 1)
'abc'.endswith(('c',))
'abc'.endswith('b', 0, 2)
'abc'.startswith(1)
'aXbX'.replace('X', 'yy')
'aXbX'.replace('X', 'yy', 1)
'abc'.replace('', '-')
'abc'.find('c')
'abc'.find('z')
'abcabc'.rfind('b')
'abcabc'.find('b', 2)
'abc'.index('z')
'abcabc'.count('bc')
'abc'.count('')
'-'.join(['a', 'b'])
'-'.join([1])
'-'.join('abc')
'{} and {}'.format(1, 'x')
'{1}{0}'.format(1, 2)
'{a}-{b}'.format(a=1, b=none)
'{{}}{}'.format(2)
'{:>5}|{:<4}|'.format('ab', 'c')
'{:05d}|{:.2f}|{:8.3f}'.format(42, 3.14159, 2.5)
'{'.format(1)
'%s-%d' % ('a', 3)
'%s' % 'x'
'%s' % [1, 2]
'%05.1f|%-5s|%+d' % (2.25, 'ab', 3)
'%(a)s' % {'a': 1}
'%x %X %o %c %%' % (255, 255, 8, 'z')
'%r' % 'x'
'%s %s' % ('a',)
'%s' % ('a', 'b')
'%d' % 'x'
'%s' % missing
'%e %g' % (12345.678, 0.0001)
'abc'.isdigit()
'123'.isdigit()
'a1'.isalnum()
'ab'.isalpha()
' '.isspace()
''.isspace()
'AB'.isupper()
'ab1'.islower()
'7'.zfill(3)
'-7'.zfill(4)
'ab'.center(7, '*')
'ab'.center(6)
'abc'.center(6)
'ab'.ljust(4) ~ '|'
'ab'.rjust(4)
'prefix-x'.removeprefix('prefix-')
'x.txt'.removesuffix('.txt')
xs.index(1)
xs.count(3)
xs.index(99)
xs.append(1)
d.update({'a': 1})
d.pop('role')
xs.sort()
true and 'x'
'' or 'y'
none or 0
not none
not 1 == 2
1 < 2 < 3
1 < 3 < 2
1 == 1.0
1 == true
'a' < 'b'
'a' < 1
[1, 2] < [1, 3]
(1, 2) == [1, 2]
[1, 2] == [1.0, 2]
{'a': 1} == {'a': 1.0}
none == none
missing == missing
missing == none
none < 1
'a' in 'abc'
1 in 'abc'
'role' in d
'x' not in d
2 in xs
'a' in missing
1 in none
[1] in [[1], 2]
1 in d
'x' if true
'x' if false
'x' if false else 'y'
'x' if yes else 'y' if no else 'z'
('x' if false) is defined
1 if true else missing.a
xs is iterable
n is iterable
s is string
n is number
yes is number
yes is integer
n is integer
f is float
d is mapping
xs is sequence
d is sequence
s is sequence
missing is sequence
missing is iterable
nothing is none
nothing is not none
missing is undefined
n is divisibleby 7
n is divisibleby(3)
n is odd
m is even
f is even
'a' is even
'ab' is lower
'AB' is upper
yes is true
yes is false
no is boolean
1 is true
n is eq 7
n is ge(8)
n is gt 3
n is lt 3
n is in [7]
'x' is in 'xyz'
n == 7 is true
yes is sameas true
none is sameas none
'trim' is filter
'zzz' is filter
'odd' is test
s is callable
range is callable
s.strip is callable
html is escaped
html | escape is escaped
not n is defined
n is defined and not missing is defined
n is not defined or true
s | trim
s | trim(' !H')
s | trim | upper | lower
n | trim
nothing | upper
s | length
xs | length
d | count
n | length
missing | length
missing | default('x')
nothing | default('x')
nothing | d('x', true)
'' | default('x', boolean=true)
missing.a | default('x')
xs | first
xs | last
empty | first
empty | last
'abc' | first
'abc' | last
d | first
xs | join
xs | join(', ')
people | join(', ', attribute='name')
people | map(attribute='name') | join('+')
people | map(attribute='tags', default=['none']) | list
people | map(attribute='tags.0') | list
names | map('upper') | list
names | map('replace', 'a', 'X') | join
names | map('default', 'x') | list
names | map('zzz') | list
missing | map('upper') | list
nothing | map('upper') | list
n | map('upper') | list
xs | select('odd') | list
xs | reject('odd') | list
[0, 1, '', 'a', none] | select | list
xs | select('>', 1) | list
xs | select('in', [1, 2]) | list
people | selectattr('tags') | map(attribute='name') | list
people | selectattr('age', 'equalto', 3) | map(attribute='name') | list
people | rejectattr('age', 'eq', 3) | map(attribute='name') | list
people | selectattr('tags', 'defined') | list | length
people | selectattr('zzz') | first
xs | select('odd') | length
xs | map('string')
xs | sort
xs | sort(reverse=true)
names | sort
names | sort(case_sensitive=true)
people | sort(attribute='age') | map(attribute='name') | list
people | sort(attribute='age,name') | map(attribute='name') | list
people | sort(true, attribute='age') | map(attribute='name') | list
[1, 'a'] | sort
names | unique | list
[1, 1.0, true, 2] | unique | list
people | unique(attribute='age') | map(attribute='name') | list
xs | reverse | list
'abc' | reverse
d | dictsort
{'b': 1, 'A': 0} | dictsort
{'b': 1, 'A': 0} | dictsort(true)
{'b': 1, 'A': 0} | dictsort(by='value', reverse=true)
d | items | list | length
missing | items | list
n | items | list
range(7) | batch(3) | list
range(7) | batch(3, 'x') | list
range(7) | slice(3) | list
range(7) | slice(3, 'x') | list
xs | list
'abc' | list
n | list
d | list
missing | list
n | string
xs | string
'42' | int
' 42 ' | int
'4_2' | int
'x' | int
'x' | int(5)
'3.9' | int
'0x1f' | int(0, 16)
'ff' | int(base=16)
f | int
none | int
missing | int
'1e3' | int
'1.5' | float
'x' | float
'x' | float(1.5)
'.5' | float
'5.' | float
n | float
'inf' | float
m | abs
2.5 | round
3.5 | round
2.675 | round(2)
2.1 | round(method='ceil')
2.9 | round(0, 'floor')
7 | round
xs | sum
people | sum(attribute='age')
xs | max
names | min
names | max(case_sensitive=true)
empty | max
people | max(attribute='age')
xs | tojson
d | tojson
d | tojson(indent=2)
d | tojson(indent=4, sort_keys=true)
quote | tojson
quote | tojson(ensure_ascii=true)
'😀' | tojson(ensure_ascii=true)
[1.0, none, true, 1e30] | tojson
d | tojson(separators=(',', ':'))
missing | tojson
{} | tojson(indent=2)
[[], {}] | tojson(indent=1)
{1: 2, none: 3, true: 4} | tojson
t | tojson
quote
[quote]
[s, none, 1.0, missing]
d
t
(1,)
()
[]
{}
{'a': 1, 'a': 2}
{1: 'a', true: 'b'}
1, 2
'é' | upper
html | escape
html | e
html | safe
html | safe | upper
html | forceescape
lines | indent
lines | indent(2, true)
lines | indent('> ', blank=true)
'abc def ghi jkl' | truncate(9)
'abc def ghi jkl' | truncate(9, leeway=0)
'abc def ghi jkl' | truncate(9, true, leeway=0)
'x' | center(7)
'%s, %s!' | format('a', 'b')
'%(x)s' | format(x=1)
'aab' | replace('a', 'x')
'aab' | replace('a', 'x', 1)
12 | replace(1, 'x')
range(3)
range(1, 10, 3) | list
range(5, 0, -2) | list
range(3)[1]
range(3)[-1]
range(0)
range(1, 2, 0)
range(200000)
dict(a=1, b=2)
dict({'a': 1}, b=2)
dict([('a', 1)])
strftime_now('%d %b %Y')
strftime_now('%A, %-d. %B %y, day %j')
strftime_now('%Y-%m-%d')
raise_exception('no')
zzz()
n()
s | zzz
s is zzz
s.zzz
s.zzz()
s.isidentifier
-n
+n
-s
-missing
not missing
n|string + 'x'
-1|abs
'a'|upper + 'b'|upper
'\\x41\\u00e9\\101\\q\\n\\\\'
"\\""
namespace(a=1).a
namespace(a=1).b
cycler
'abc'[1:][0]
xs[0:2][1]
[[1, 2], [3]][0][1]
{'a': {'b': [1]}}.a.b[0]
"{'a': 1}"
'<|im_start|>' + 'x' + '\\n'
1 if 2 == 2 and not 3 > 4 or false else 0
(1 + 2) * 3
xs | length > 2
xs | length - 1
n in xs or n not in xs
loop
d.role == 'user' and d['role'] != 'system'
[1, 2, 3] | select('ge', 2) | map('string') | join('')
xs[n]
xs[1:n]
xs[missing]
xs['a':]
'%' * 3
names | join(', ') | upper
(names | list).index('c')
people[0].name[0]
people[0]['name'] | lower
people | map('attr', 'name') | list
people | map(attribute='name') | map('length') | sum
people | groupby('age')
'x' | attr('upper')
1.0
1e5
-0.0
1e-4
1.5 | string + 'x'
3 | string | length
true | string
true + 1
[true, false] | sum
'a' == 'a' == 'a'
'e\u0301' == 'é'
'e\u0301' | length
'😀x' | length
'😀x'[1]
'e\u0301'.replace('e', 'a')
""".strip("\n").split("\n")
