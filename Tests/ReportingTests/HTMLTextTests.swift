import Reporting
import Testing

@Suite struct HTMLTextTests {
    @Test(arguments: [
        ("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"),
        ("a & b &amp; \"c\"", "a &amp; b &amp;amp; &quot;c&quot;"),
        ("]]> --> é 漢 👩‍🚀 e\u{301}", "]]&gt; --&gt; é 漢 👩‍🚀 e\u{301}"),
        // What XML 1.0 does not know.
        ("a\0b\u{1B}[31m\u{8}\u{FFFE}\u{FFFF}", "a\u{FFFD}b\u{FFFD}[31m\u{FFFD}\u{FFFD}\u{FFFD}"),
        ("tab\tline\nend\r\n", "tab\tline\nend\r\n"),
    ])
    func nothingBecomesMarkup(text: String, expected: String) {
        #expect(Array(HTMLText.escape(text).unicodeScalars) == Array(expected.unicodeScalars))
    }
}
