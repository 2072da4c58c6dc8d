import Reporting
import Testing

@Suite struct TableTests {
    private var table: Table {
        var table = Table([.init("name", .left), .init("rate")])
        table.append(["a", "0.5 ± 0.1"])
        table.append(["long|name", "—"])
        return table
    }

    @Test func textIsAligned() {
        #expect(
            table.text() == """
                name            rate
                ─────────  ─────────
                a          0.5 ± 0.1
                long|name          —

                """)
    }

    @Test func whatComesFromOutsideCannotSteerATerminal() {
        var table = Table([.init("worker\u{9B}2J", .left), .init("host")])
        table.append(["evil\r\n\u{1B}]0;title\u{7}", "\u{202E}tsoh"])
        let text = table.text()
        #expect(text.split(separator: "\n").count == 3)
        #expect(
            text.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && !(0x7F...0x9F).contains($0.value)) })
        #expect(text.contains("evil\\r\\n\\u{1B}]0;title\\u{7}  \\u{202E}tsoh"))
    }

    @Test func asciiFallback() {
        let text = table.text(unicode: false)
        #expect(text.utf8.allSatisfy { $0 < 128 })
        #expect(text.contains("0.5 +/- 0.1"))
    }

    @Test func markdownEscapesBars() {
        #expect(
            table.markdown() == """
                | name | rate |
                | --- | ---: |
                | a | 0.5 ± 0.1 |
                | long\\|name | — |

                """)
    }

    @Test func csvQuotesWhatItMust() {
        var table = Table([.init("a"), .init("b")])
        table.append(["x,y", "say \"hi\""])
        table.append(["line\nbreak", "plain"])
        #expect(table.csv() == "a,b\n\"x,y\",\"say \"\"hi\"\"\"\n\"line\nbreak\",plain\n")
    }
}
