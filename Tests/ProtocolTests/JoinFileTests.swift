import Protocol
import Testing

struct JoinFileTests {
    private let file = JoinFile(
        endpoints: ["tcp://10.0.0.5:41234", "tcp://[fd00::5]:41234", "tcp://127.0.0.1:41234"], host: "node1", pid: 77,
        time: "2026-01-02T03:04:05Z")

    @Test func itReadsWhatItWrote() throws {
        #expect(try JoinFile(parsing: file.encoded(), source: "f") == file)
    }

    @Test(arguments: [
        ("", "no faultlineJoinFile number"), ("{}", "no faultlineJoinFile number"),
        (#"{"faultlineJoinFile": 1, "endpoints": ["tcp://1.2.3.4:5"#, "no faultlineJoinFile number"),
        (#"{"faultlineJoinFile": 2, "addresses": []}"#, "format 2 meets format 1"),
        (#"{"faultlineJoinFile": 1, "endpoints": "x"}"#, "missing or of the wrong type"),
        (
            #"{"faultlineJoinFile": 1, "endpoints": [], "host": "h", "pid": 1, "time": "t"}"#, "it names 0 endpoints"
        ),
        (
            #"{"faultlineJoinFile": 1, "endpoints": ["tcp://h:0"], "host": "h", "pid": 1, "time": "t"}"#,
            "tcp://h:0 is no address"
        ),
        (
            #"{"faultlineJoinFile": 1, "endpoints": ["tcp://h:*"], "host": "h", "pid": 1, "time": "t"}"#,
            "tcp://h:* is no address"
        ),
        (
            #"{"faultlineJoinFile": 1, "endpoints": ["http://h:1"], "host": "h", "pid": 1, "time": "t"}"#,
            "http://h:1 is no address"
        ),
    ])
    func whatIsNoJoinFileIsOneLineThatNamesTheFile(text: String, words: String) {
        let error = #expect(throws: JoinFile.Fault.self) { try JoinFile(parsing: Array(text.utf8), source: "/x/join") }
        let line = error?.description ?? ""
        #expect(line.hasPrefix("/x/join: ") && line.contains(words) && !line.contains("\n"), "\(line)")
    }

    @Test func aHugeFileIsRefusedUnread() {
        #expect(throws: JoinFile.Fault.self) {
            try JoinFile(parsing: [UInt8](repeating: 32, count: JoinFile.maximumBytes + 1), source: "f")
        }
    }

    @Test func tooManyEndpointsAreRefused() throws {
        var many = file
        many.endpoints = [String](repeating: "tcp://10.0.0.1:1", count: JoinFile.maximumEndpoints + 1)
        let bytes = try many.encoded()
        #expect(throws: JoinFile.Fault.self) { try JoinFile(parsing: bytes, source: "f") }
    }
}
