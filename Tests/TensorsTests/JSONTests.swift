import Tensors
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        #"{"a":[1,-2.5,1e3,true,false,null,"x"],"b":{}}"#, "[]", "3", #""\u00e9\ud83d\ude00\n\"\\\/""#, " [ 1 , 2 ] ",
    ])
    func roundTrip(text: String) throws {
        let value = try JSON.parse(Array(text.utf8))
        #expect(try JSON.parse(value.encoded()) == value)
        #expect(try JSON.parse(value.encoded(indent: true)) == value)
    }

    /// Two spellings of é are two keys.
    @Test func keysAreBytes() throws {
        let value = try JSON.parse(Array("{\"\u{e9}\":1,\"e\u{301}\":2}".utf8))
        #expect(value.members?.count == 2)
        #expect(value["\u{e9}"]?.int == 1)
        #expect(value["e\u{301}"]?.int == 2)
    }

    @Test func surrogates() throws {
        #expect(try JSON.parse(Array(#""\ud83d\ude00""#.utf8)).string == "\u{1F600}")
        for half in [#""\ud83dx""#, #""\ude00""#, #""\ud83d\u0041""#, #""\ud83d\ud83d""#] {
            #expect(throws: JSONError.self) { try JSON.parse(Array(half.utf8)) }
        }
    }

    @Test(arguments: [
        "", "{", "[1,]", "{\"a\"}", "\"x", "\"\\q\"", "\"\\u12\"", "tru", "1 2", "--1",
        String(repeating: "[", count: 500),
    ])
    func refusals(text: String) {
        #expect(throws: JSONError.self) { try JSON.parse(Array(text.utf8)) }
    }

    @Test func numbers() throws {
        #expect(try JSON.parse(Array("9223372036854775807".utf8)).int == .max)
        #expect(try JSON.parse(Array("9223372036854775808".utf8)).int == nil)
        #expect(try JSON.parse(Array("1e2".utf8)).int == 100)
        #expect(try JSON.parse(Array("NaN".utf8)).double?.isNaN == true)
        // Python writes them; JSON has no such numbers, so they are read and never written.
        for value in [Double.nan, .infinity, -.infinity] {
            #expect(JSON.array([.number(value), .number(1.5)]).encoded() == Array("[null,1.5]".utf8))
        }
    }
}
