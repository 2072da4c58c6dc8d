/// Python's string methods that look for something, cut, and join.
extension Text {
    /// First place of `other` in `start..<end`, as `str.find`; an empty text is found at `start`.
    func find(_ other: Text, from start: Int = 0, to end: Int? = nil) -> Int? {
        let end = end ?? count
        guard start <= end, other.count <= end - start else { return nil }
        var place = start
        while place + other.count <= end {
            if matches(other, at: place) { return place }
            place += 1
        }
        return nil
    }

    func findLast(_ other: Text, from start: Int = 0, to end: Int? = nil) -> Int? {
        let end = end ?? count
        guard start <= end, other.count <= end - start else { return nil }
        var place = end - other.count
        while place >= start {
            if matches(other, at: place) { return place }
            place -= 1
        }
        return nil
    }

    /// Occurrences that do not overlap.
    func occurrences(of other: Text, from start: Int = 0, to end: Int? = nil) -> Int {
        let end = end ?? count
        guard start <= end else { return 0 }
        if other.isEmpty { return end - start + 1 }
        var result = 0
        var place = start
        while let found = find(other, from: place, to: end) {
            result += 1
            place = found + other.count
        }
        return result
    }

    func hasPrefix(_ other: Text) -> Bool { matches(other, at: 0) }
    func hasSuffix(_ other: Text) -> Bool { matches(other, at: count - other.count) }

    /// Without the characters of `set` (`nil`: white space) at the ends that are asked for.
    func stripped(_ set: Text? = nil, left: Bool = true, right: Bool = true) -> Text {
        let chosen = set.map { Set($0.units.map { $0 & ~Text.mark }) }
        func goes(_ unit: UInt32) -> Bool { chosen?.contains(unit & ~Text.mark) ?? Scalars.isSpace(unit) }
        var start = 0
        var end = count
        if left { while start < end, goes(units[start]) { start += 1 } }
        if right { while end > start, goes(units[end - 1]) { end -= 1 } }
        return self[start..<end]
    }

    /// As `str.replace`; `limit` below 0 means all.
    func replacing(_ old: Text, with new: Text, limit: Int = -1) -> Text {
        var result: [UInt32] = []
        var left = limit < 0 ? Int.max : limit
        if old.isEmpty {
            for unit in units {
                if left > 0 {
                    result += new.units
                    left -= 1
                }
                result.append(unit)
            }
            return Text(units: left > 0 ? result + new.units : result)
        }
        var place = 0
        while left > 0, let found = find(old, from: place) {
            result += units[place..<found]
            result += new.units
            place = found + old.count
            left -= 1
        }
        return Text(units: result + units[place...])
    }

    /// As `str.split` with a separator.
    func split(_ separator: Text, limit: Int = -1) -> [Text] {
        var result: [Text] = []
        var place = 0
        while limit < 0 || result.count < limit, let found = find(separator, from: place) {
            result.append(self[place..<found])
            place = found + separator.count
        }
        result.append(self[place..<count])
        return result
    }

    func splitFromRight(_ separator: Text, limit: Int = -1) -> [Text] {
        var result: [Text] = []
        var end = count
        while limit < 0 || result.count < limit, let found = findLast(separator, to: end) {
            result.append(self[found + separator.count..<end])
            end = found
        }
        result.append(self[0..<end])
        return result.reversed()
    }

    /// As `str.split` without a separator: at white space, nothing empty.
    func splitAtSpace(limit: Int = -1) -> [Text] {
        var result: [Text] = []
        var place = 0
        while true {
            while place < count, Scalars.isSpace(units[place]) { place += 1 }
            guard place < count else { return result }
            if limit >= 0, result.count >= limit {
                result.append(self[place..<count])
                return result
            }
            let end = units[place...].firstIndex { Scalars.isSpace($0) } ?? count
            result.append(self[place..<end])
            place = end
        }
    }

    func splitAtSpaceFromRight(limit: Int = -1) -> [Text] {
        var result: [Text] = []
        var end = count
        while true {
            while end > 0, Scalars.isSpace(units[end - 1]) { end -= 1 }
            guard end > 0 else { return result.reversed() }
            if limit >= 0, result.count >= limit {
                result.append(self[0..<end])
                return result.reversed()
            }
            let start = units[..<end].lastIndex { Scalars.isSpace($0) }.map { $0 + 1 } ?? 0
            result.append(self[start..<end])
            end = start
        }
    }

    func lines(keepingEnds: Bool = false) -> [Text] {
        var result: [Text] = []
        var place = 0
        while place < count {
            let end = units[place...].firstIndex { Scalars.isLineEnd($0) } ?? count
            var next = min(end + 1, count)
            if end + 1 < count, self[end] == 0x0D, self[end + 1] == 0x0A { next = end + 2 }
            result.append(self[place..<(keepingEnds ? next : end)])
            place = next
        }
        return result
    }

    func joined(_ parts: [Text]) -> Text {
        var result: [UInt32] = []
        for (index, part) in parts.enumerated() {
            if index > 0 { result += units }
            result += part.units
        }
        return Text(units: result)
    }

    func repeated(_ times: Int) -> Text {
        var result: [UInt32] = []
        for _ in 0..<max(0, times) { result += units }
        return Text(units: result)
    }

    static func fill(_ count: Int, _ unit: Unicode.Scalar = " ") -> Text {
        Text(units: Array(repeating: unit.value, count: max(0, count)))
    }
}
