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
