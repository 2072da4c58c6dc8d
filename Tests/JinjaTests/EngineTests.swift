import Foundation
import Jinja
import Testing

/// Errors, limits and marks.
@Suite struct EngineTests {
    private func error(_ source: String, _ variables: [(String, Value)] = [], _ limits: Limits = Limits())
        -> JinjaError?
    {
        do {
            _ = try Template(source).render(variables, day: TableTests.day, limits: limits)
            return nil
        } catch { return error }
    }

    @Test func errorsNameLineAndConstruct() {
        let cases: [(String, JinjaError.Kind, Int, String)] = [
            ("a\n{% include 'x' %}", .unsupported, 2, "{% include %}"),
            ("{% import 'x' as y %}", .unsupported, 1, "import"),
            ("\n\n{{ x.y.z }}", .failed, 3, "'x' is undefined"), ("{{ a | nosuch }}", .syntax, 1, "no filter nosuch"),
            ("{{ a is nosuch }}", .syntax, 1, "no test nosuch"),
            ("{{ raise_exception('no systems') }}", .raised, 1, "no systems"),
            ("{% for x in [1] %}", .syntax, 1, "the template's end"),
            ("{{ 'a'.encode() }}", .unsupported, 1, "str.encode()"),
            ("{{ [1].append(2) }}", .failed, 1, "append"), ("{{ ''.__class__ }}", .unsupported, 1, "__class__"),
            ("{{ strftime_now('%H:%M') }}", .unsupported, 1, "%H"),
            ("{{ 9999999999 * 9999999999 }}", .unsupported, 1, "64 bits"),
            ("{{ ['a'] | wordcount }}", .unsupported, 1, "wordcount"), ("{{ lipsum() }}", .unsupported, 1, "lipsum"),
        ]
        for (source, kind, line, word) in cases {
            let error = error(source)
            #expect(error?.kind == kind && error?.line == line, "\(source): \(String(describing: error))")
            #expect(error?.description.contains(word) == true, "\(source): \(String(describing: error))")
        }
    }

    @Test func nothingRunsOnOrGrowsWithoutEnd() {
        let endless = [
            "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "{{ 'a' * 99999999999 }}", "{{ [1] * 99999999999 }}",
            "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}",
            "{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}",
            "{{ 'x' | center(99999999999) }}", "{{ 'x'.ljust(99999999999) }}", "{{ '%99999999999d' % 1 }}",
            "{{ 'x' | indent(99999999999) }}", "{{ range(99999999999) }}", "{{ 2 ** 99999999999 }}",
            "{{ 1 | tojson(indent=99999999999) }}", "{% for x in [[[]]] recursive %}{{ loop([[[]]]) }}{% endfor %}",
            String(repeating: "(", count: 5000) + "1" + String(repeating: ")", count: 5000),
            "{{ " + String(repeating: "(", count: 5000) + "1" + String(repeating: ")", count: 5000) + " }}",
            "{{ " + String(repeating: "not ", count: 5000) + "1 }}",
            "{{ " + String(repeating: "-", count: 5000) + "1 }}",
            "{{ " + String(repeating: "[", count: 5000) + " }}", String(repeating: "{% if 1 %}", count: 5000),
            "{{ 1" + String(repeating: " + 1", count: 5000) + " }}",
            "{{ 1" + String(repeating: " or 0", count: 5000) + " }}",
            "{{ x" + String(repeating: ".a", count: 5000) + " }}",
            "{{ x" + String(repeating: "|d", count: 5000) + " }}",
        ]
        for source in endless where source.hasPrefix("{") {
            #expect(error(source) != nil, "\(source.prefix(60))")
        }
        // Jinja reads text outside tags as it is.
        #expect(error(endless[14]) == nil)
    }

    @Test func theSmallestIntegerTrapsNothing() throws {
        let least = "(-9223372036854775807 - 1)"
        for source in [
            "'a' | center(X)", "'a'.ljust(X)", "'a'.zfill(X)", "'a'[X:]", "'a'[::X]", "[1][X]", "'a' * X", "X // -1",
            "X % -1",
            "-X", "X | abs", "'%*d' % (X, 1)", "'a' | indent(X)", "'a'.split('b', X)", "'ab'.find('b', X, X)",
            "range(X, 1)",
            "[1] | batch(X) | list", "'a' | truncate(X)", "1 | tojson(indent=X)", "X ** X", "X | round(X)",
            "'a'.replace('a', 'b', X)",
        ] {
            _ = error("{{ \(source.replacing("X", with: least)) }}")
        }
        #expect(error("{{ -\(least) }}")?.kind == .unsupported)
    }

    @Test func limitsAreKept() {
        var limits = Limits()
        limits.steps = 100
        #expect(error("{% for x in range(200) %}{{ x }}{% endfor %}", [], limits)?.kind == .limit)
        limits = Limits()
        limits.textLength = 10
        #expect(error("{{ 'abcdef' ~ 'abcdef' }}", [], limits)?.kind == .limit)
        #expect(error("aaaaaa{{ 'bbbbbb' }}", [], limits)?.kind == .limit)
    }

    @Test func marksGoAlongWithText() throws {
        let template = try Template(
            "{{ '<|' + x | trim + '|>' }}{{ x | upper }}{{ x | tojson }}{{ x.replace('b', 'c') }}{{ x[1:] | length }}")
        let text = try template.render([("x", .text(" ab\n", from: .user))], day: TableTests.day)
        #expect(text.string == #"<|ab|> AB\#n" ab\n" ac\#n3"#)
        let outside = text.runs.filter { $0.origin == .user }.map(\.text)
        #expect(outside == ["ab", " AB\n", #" ab\n"#, " a", "\n"])
    }

    @Test func namesThatAreRead() throws {
        let template = try Template(
            "{% macro a(x) %}{{ x }}{{ enable_thinking }}{% endmacro %}{% if b.c is defined %}{% endif %}")
        #expect(template.reads == ["x", "enable_thinking", "b"])
    }

    @Test func days() throws {
        #expect(CalendarDay("2024-02-29")?.description == "2024-02-29")
        for text in ["2023-02-29", "2024-2-29", "2024-13-01", "today", "2024-02-30x", "-024-01-01", ""] {
            #expect(CalendarDay(text) == nil, "\(text)")
        }
        #expect(try CalendarDay("2024-12-31")!.formatted("%a %d %B %Y %j").string == "Tue 31 December 2024 366")
    }

    /// Rendering happens on whatever thread asks for it, also on one with a small stack.
    @Test func deepTemplatesFitASmallStack() async {
        let deep = "{% macro a(n) %}{% if n > 0 %}({{ a(n - 1) }}){% endif %}{% endmacro %}{{ a(9999) }}"
        let result = await Task.detached { self.error(deep)?.kind }.value
        #expect(result == .limit)
    }
}
