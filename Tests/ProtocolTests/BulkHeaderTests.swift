import Protocol
import Testing

struct BulkHeaderTests {
    @Test func headersSurviveTheRoundTrip() throws {
        let result = BulkItem.result(TaskKey(epoch: .max, task: 1 << 60))
        let headers: [BulkHeader] = [
            .hello(ticket: .max), .get(result, offset: 1, limit: Limits.bulkBytes), .credit(.edit(.max), limit: 2),
            .chunk(result, offset: 3, sum: .max), .stop(.edit(4)), .gone(result),
        ]
        for header in headers {
            let bytes = header.encode()
            #expect(try BulkHeader.decode(bytes) == header)
            #expect(bytes.withUnsafeBytes { BulkHeader.marks($0) })
        }
        let data = DataHeader.credit(epoch: 1, bytes: 2).encode()
        #expect(!data.withUnsafeBytes { BulkHeader.marks($0) })
    }

    @Test func versionsAndSizesAreHeld() throws {
        var bytes = BulkHeader.hello(ticket: 1).encode()
        bytes[4] = 77
        #expect(throws: ProtocolError.version(theirs: 77, ours: Limits.version)) { try BulkHeader.decode(bytes) }
        let large = BulkHeader.get(.edit(1), offset: 0, limit: Limits.bulkBytes + 1).encode()
        #expect(throws: ProtocolError.self) { try BulkHeader.decode(large) }
    }

    @Test func fuzz() {
        var random = SystemRandomNumberGenerator()
        for round in 0..<20_000 {
            var bytes = BulkHeader.chunk(.edit(UInt64(round)), offset: round, sum: random.next()).encode()
            for _ in 0..<(1 + random.next() % 6) {
                bytes[Int(random.next() % 64)] = UInt8(truncatingIfNeeded: random.next())
            }
            if round % 10 == 0 { bytes.removeLast(Int(random.next() % 64)) }
            _ = try? BulkHeader.decode(bytes)
        }
    }
}
