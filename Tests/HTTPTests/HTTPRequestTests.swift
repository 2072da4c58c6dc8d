import HTTP
import Testing

@Suite struct HTTPRequestTests {
    private func parse(_ text: String) throws(HTTPFault) -> HTTPRequest? { try .parse(Array(text.utf8)) }

    @Test func headsAreRead() throws {
        let request = try parse("GET /status.json?x=%20#y HTTP/1.1\r\nHost: a:1\r\nACCEPT:\t x , y \r\nAccept: z\r\n\r\n")
        #expect(
            request
                == HTTPRequest(
                    method: "GET", path: "/status.json", headers: ["host": "a:1", "accept": "x , y, z"]))
        #expect(try parse("GET / HTTP/1.0\n\n") == HTTPRequest(method: "GET", path: "/"))
    }

    @Test func anUnfinishedHeadIsNoneYet() throws {
        let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        for length in 0..<text.utf8.count { #expect(try HTTPRequest.parse(Array(text.utf8.prefix(length))) == nil) }
        #expect(try parse(text) != nil)
    }

    /// Whatever comes is read, refused or waited for; nothing traps.
    @Test func anyBytesAreSurvived() {
        var random = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0 ... .max, using: &random)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let pieces = ["GET", " ", "/", "HTTP/1.1", "\r\n", "\n", ":", "Host", "\r", "\0", "é", "\u{7F}", "x", "0", "9999999999999999999"]
        for _ in 0..<20_000 {
            var bytes = (0..<next(20)).flatMap { _ in Array(pieces[next(pieces.count)].utf8) }
            if !bytes.isEmpty, next(3) == 0 { bytes[next(bytes.count)] = UInt8(next(256)) }
            if next(2) == 0 { bytes += Array("\r\n\r\n".utf8) }
            do throws(HTTPFault) { _ = try HTTPRequest.parse(bytes) } catch {
                #expect([400, 413, 505].contains(error.status), "seed \(seed)")
            }
        }
    }
}
