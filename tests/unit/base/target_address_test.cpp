// SPDX-License-Identifier: Apache-2.0
#include "srpi/target_address.hpp"

#include "base/random.hpp"
#include "catch2/catch.hpp"
#include "srpi/session_options.hpp"
#include "test/print_result.hpp"

using namespace srpi;

namespace {

Target parsed(const std::string& text) {
  INFO(text);
  auto target = parse_target(text);
  REQUIRE(target);
  return *target;
}

std::string why_not(const std::string& text) {
  INFO(text);
  const auto target = parse_target(text);
  REQUIRE(target.has_error());
  CHECK(target.error().code == Errc::invalid_argument);
  return target.error().detail;
}

bool mentions(const std::string& text, const std::string& part) {
  INFO(text << " should mention " << part);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

const std::string kIds = "id_ext=0002c90300a1b2c3,ioc_guid=0002c90300a1b2c4";

}  // namespace

TEST_CASE("URI of an RDMA CM target") {
  const auto t = parsed("srp://10.1.2.3:5555/?id_ext=0x2c903&ioc_guid=2C904&src=10.1.2.9&initiator_ext=1");
  CHECK(std::get<RdmaCmAddress>(t.address.transport) == RdmaCmAddress{"10.1.2.3", 5555, "10.1.2.9"});
  CHECK(t.address.id_ext == 0x2c903);
  CHECK(t.address.ioc_guid == 0x2c904);
  CHECK(t.overrides.initiator_ext == 1);
  CHECK(t.address.io_class == 0x0100);
  CHECK_FALSE(t.overrides.queue_size);
  CHECK(t.to_uri() ==
        "srp://10.1.2.3:5555/?id_ext=000000000002c903&ioc_guid=000000000002c904&src=10.1.2.9"
        "&initiator_ext=0000000000000001");
  CHECK(t.to_login_string() ==
        "id_ext=000000000002c903,ioc_guid=000000000002c904,dest=10.1.2.3:5555,src=10.1.2.9"
        ",initiator_ext=0000000000000001");
}

TEST_CASE("a URI may lack the slash before the query, have an upper-case scheme and blanks around it") {
  CHECK(parsed(" \tSRP://target.example:5555?id_ext=1&ioc_guid=2\n") ==
        parsed("srp://target.example:5555/?id_ext=1&ioc_guid=2"));
}

TEST_CASE("IPv6 addresses are written in brackets, and their zones with %25 in URIs") {
  const auto t = parsed("srp://[fe80::1%25eth0]:5555/?id_ext=1&ioc_guid=2&src=%5Bfe80::2%25eth0%5D");
  CHECK(std::get<RdmaCmAddress>(t.address.transport) == RdmaCmAddress{"fe80::1%eth0", 5555, "fe80::2%eth0"});
  CHECK(t == parsed("id_ext=1,ioc_guid=2,dest=[fe80::1%eth0]:5555,src=[fe80::2%eth0]"));
  CHECK(parse_target(t.to_uri()).value() == t);
  CHECK(parse_target(t.to_login_string()).value() == t);

  mentions(why_not("id_ext=1,ioc_guid=2,dest=fe80::1:5555"), "bracketed IPv6");
  for (const auto* host :
       {"[]", "[10.0.0.1]", "[fe80::1", "[fe80::1%]", "[fe80::1::2]", "[fe80::1%a b]", "[::1]x"})
    why_not(kIds + ",dest=" + host + ":5555");
}

TEST_CASE("RDMA CM login string, as ib_srp takes it") {
  const auto t = parsed(kIds +
                        ",dest=10.1.2.3:5555,queue_size=128,max_it_iu_size=4148,cmd_sg_entries=255,"
                        "tl_retry_count=2,ch_count=4,io_class=0100");
  CHECK(std::get<RdmaCmAddress>(t.address.transport) == RdmaCmAddress{"10.1.2.3", 5555, ""});
  CHECK(t.overrides.queue_size == 128);
  CHECK(t.overrides.max_it_iu_size == 4148);
  CHECK(t.overrides.cmd_sg_entries == 255);
  CHECK(t.overrides.tl_retry_count == 2);
  CHECK(t.overrides.ch_count == 4);
  CHECK(std::get<RdmaCmAddress>(parsed(kIds + ",dest=h:1,src=10.1.2.9:77").address.transport).source_host ==
        "10.1.2.9");
}

TEST_CASE("InfiniBand login string, as ibsrpdm -c prints it") {
  const auto t = parsed(
      "id_ext=0002c90300a1b2c3,ioc_guid=0002c90300a1b2c4,dgid=fe800000000000000002c90300a1b2c5,pkey=ffff,"
      "service_id=0002c90300a1b2c4\n");
  const auto& ib = std::get<IbCmAddress>(t.address.transport);
  CHECK(ib.dgid[0] == 0xfe);
  CHECK(ib.dgid[15] == 0xc5);
  CHECK(ib.pkey == 0xffff);
  CHECK(ib.service_id == 0x0002c90300a1b2c4);
  CHECK_FALSE(ib.sgid);
  CHECK(t.to_login_string() ==
        "id_ext=0002c90300a1b2c3,ioc_guid=0002c90300a1b2c4,dgid=fe800000000000000002c90300a1b2c5,pkey=ffff,"
        "service_id=0002c90300a1b2c4");
  CHECK(t.to_uri() == t.to_login_string());
}

TEST_CASE("keys of ib_srp that have no meaning for libsrpi are accepted and ignored") {
  CHECK(parsed(kIds +
               ",dest=10.1.2.3:5555,max_sect=65535,max_cmd_per_lun=128,target_can_queue=1,sg_tablesize=32,"
               "allow_ext_sg=1,comp_vector=0") == parsed(kIds + ",dest=10.1.2.3:5555"));
}

TEST_CASE("empty items are skipped, as in ib_srp") {
  CHECK(parsed("," + kIds + ",,dest=10.1.2.3:5555,") == parsed(kIds + ",dest=10.1.2.3:5555"));
}

TEST_CASE("the built-in target: what it floods its initiator with") {
  CHECK(std::get<RamAddress>(parsed("ram://1M?flood=changes").address.transport).flood == RamFlood::changes);
  CHECK(parsed("ram://1M?flood=events").to_uri() == "ram://1M?flood=events");
  CHECK(parse_target("ram://1M?flood=water")
            .error()
            .detail.find("events, credits, attentions, changes, logouts") != std::string::npos);
  CHECK(parse_target("ram://1M?flood=none").has_error());
}

TEST_CASE("the built-in target: sizes, logical units, blocks") {
  const auto t = parsed("ram://64M?luns=4&block_size=4096");
  CHECK(std::get<RamAddress>(t.address.transport) == RamAddress{64u << 20, 4, 4096, RamFlood::none});
  CHECK(t.to_uri() == "ram://64M?luns=4&block_size=4096");
  CHECK(t.to_login_string() == t.to_uri());

  const auto size = [](const std::string& text) {
    return std::get<RamAddress>(parsed("ram://" + text).address.transport).size_bytes;
  };
  CHECK(size("512") == 512);
  CHECK(size("1k") == 1024);
  CHECK(size("3K") == 3072);
  CHECK(size("2G") == std::uint64_t{2} << 30);
  CHECK(size("5t/") == std::uint64_t{5} << 40);
  CHECK(size("8388607T") == (std::uint64_t{1} << 63) - (std::uint64_t{1} << 40));
  CHECK(parsed("ram://1025K").to_uri() == "ram://1025K");
  CHECK(parsed("ram://1536").to_uri() == "ram://1536");
}

TEST_CASE("sizes that are malformed, overflow or are not whole blocks are refused") {
  for (const auto* text : {"", "0", "0M", "M", "-1", "1.5G", "1X", "1MB", "8388608T", "9223372036854775808",
                           "99999999999999999999", "18446744073709551616K", "0x100000"})
    mentions(why_not(std::string("ram://") + text), "is not a size");
  mentions(why_not("ram://513"), "size of 513 bytes is not a multiple of block_size 512");
  mentions(why_not("ram://512?block_size=4096"), "not a multiple of block_size 4096");
  mentions(why_not("ram://1M?block_size=520"), "not a power of two");
  for (const auto* query : {"luns=0", "luns=257", "luns=-1", "luns=", "block_size=256", "block_size=131072"})
    mentions(why_not(std::string("ram://1M?") + query), "is not a number from");
}

TEST_CASE("the error of an unknown key names its position and the known keys") {
  CHECK(why_not("id_ext=1,ioc_guid=2,dest=10.1.2.3:5555,iocguid=3") ==
        "target address: unknown key \"iocguid\" at character 40; known here: id_ext, ioc_guid, dest, src, "
        "io_class, "
        "initiator_ext, queue_size, max_it_iu_size, cmd_sg_entries, tl_retry_count, ch_count, max_sect, "
        "max_cmd_per_lun, target_can_queue, sg_tablesize, allow_ext_sg, comp_vector");
  mentions(why_not("ram://1M?lun=3"), "unknown key \"lun\" at character 10; known here: id_ext");
  mentions(why_not("srp://h:1/?id_ext=1&ioc_guid=2&dest=h:1"), "unknown key \"dest\"");
  mentions(why_not(kIds + ",dest=h:1,pkey=ffff"), "unknown key \"pkey\"");
  mentions(why_not("  id_ext=1,ioc_guid=2,dest=h:1,X=1"), "\"X\" at character 32");
}

TEST_CASE("the error of a repeated key names both positions, also for an ignored key") {
  CHECK(why_not("id_ext=1,ioc_guid=2,id_ext=1,dest=h:1") ==
        "target address: id_ext at character 21: given twice, first at character 1");
  mentions(why_not(kIds + ",dest=h:1,max_sect=1,max_sect=1"), "given twice");
  mentions(why_not("ram://1M?luns=1&luns=1"), "luns at character 17: given twice, first at character 10");
}

TEST_CASE("the error of a missing key names it") {
  CHECK(why_not("ioc_guid=2,dest=h:1") == "target address: id_ext is missing");
  CHECK(why_not("srp://h:1/?id_ext=2") == "target address: ioc_guid is missing");
  CHECK(why_not("srp://h:1") == "target address: id_ext is missing");
  CHECK(why_not(kIds + ",dgid=fe800000000000000002c90300a1b2c5") == "target address: service_id is missing");
  mentions(why_not(kIds), "expected srp://, ram://, or a login string with dest or dgid");
  mentions(why_not(""), "expected srp://");
  mentions(why_not("http://h:1"), "is not KEY=VALUE");
}

TEST_CASE("dest and dgid together are refused") {
  mentions(why_not(kIds + ",dest=h:1,dgid=fe800000000000000002c90300a1b2c5"), "only one is permitted");
}

TEST_CASE("numbers out of range are refused") {
  for (const auto* item :
       {"id_ext=12345678901234567", "id_ext=", "id_ext=0x", "id_ext=xyz", "id_ext=-1", "id_ext=1 "})
    mentions(why_not(std::string(item) + ",ioc_guid=2,dest=h:1"),
             "is not a hexadecimal number of at most 16 digits");
  CHECK(parsed("id_ext=0xffffffffffffffff,ioc_guid=2,dest=h:1").address.id_ext == ~std::uint64_t{0});
  mentions(why_not(kIds + ",dest=h:1,io_class=0200"), "expected 0100");
  mentions(why_not(kIds + ",dest=h:1,io_class=10100"), "at most 4 digits");
  for (const auto* item :
       {"queue_size=0", "queue_size=4294967296", "queue_size=0x10", "max_it_iu_size=83",
        "max_it_iu_size=65537", "cmd_sg_entries=0", "cmd_sg_entries=256", "tl_retry_count=1",
        "tl_retry_count=8", "ch_count=0", "ch_count=99999999999999999999"})
    mentions(why_not(kIds + ",dest=h:1," + item), "is not a number from");
  CHECK(parsed(kIds + ",dest=h:1,queue_size=4294967295").overrides.queue_size == 4294967295);
  CHECK(parsed(kIds + ",dest=h:1,max_it_iu_size=84").overrides.max_it_iu_size == 84);
  CHECK(parsed(kIds + ",dest=h:1,max_it_iu_size=65536").overrides.max_it_iu_size == 65536);
  mentions(why_not(kIds + ",dgid=fe80,service_id=1"), "not a GID of 32 hex digits");
}

TEST_CASE("hosts and ports are checked") {
  for (const auto* dest :
       {"h", "h:", ":1", "h:0", "h:65536", "h:1x", "h:-1", "a b:1", "h/x:1", "u@h:1", "h:1:2"})
    mentions(why_not(kIds + ",dest=" + dest), "is not HOST:PORT");
  why_not(kIds + ",dest=" + std::string(256, 'a') + ":1");
  parsed(kIds + ",dest=" + std::string(255, 'a') + ":65535");
  mentions(why_not(kIds + ",dest=h:1,src="), "src at character");
}

TEST_CASE("URI syntax is checked") {
  mentions(why_not("srp://h:1/path?id_ext=1&ioc_guid=2"), "a path at character 11");
  mentions(why_not("srp://h:1/?id_ext=%4&ioc_guid=2"), "% without two hex digits at character 19");
  mentions(why_not("srp://h:1/?id_ext=%zz&ioc_guid=2"), "% without two hex digits at character 19");
  mentions(why_not("srp://h:1/?id_ext=1%00&ioc_guid=2"), "a zero byte at character 20");
  mentions(why_not("srp://h:1/?id_ext&ioc_guid=2"), "\"id_ext\" at character 12 is not KEY=VALUE");
  mentions(why_not("srp://h:1/?=1"), "is not KEY=VALUE");
  CHECK(parsed("srp://h:1/?id_ext=%31&ioc_guid=2").address.id_ext == 1);
}

TEST_CASE("texts that are too long or contain a zero byte are refused") {
  mentions(why_not(std::string(4097, 'a')), "4097 characters; at most 4096");
  mentions(why_not(kIds + ",dest=h:1" + std::string(1, '\0')), "a zero byte at character 59");
}

TEST_CASE("io_class decides the order of the halves of the target port id") {
  CHECK(parsed("id_ext=1,ioc_guid=2,dest=h:1").address.target_port_id() == PortId::make(1, 2));
  CHECK(parsed("id_ext=1,ioc_guid=2,dest=h:1,io_class=0xff00").address.target_port_id() ==
        PortId::make(2, 1));
}

TEST_CASE("parse reads what is printed of random target addresses") {
  base::Random random(1);
  const auto maybe = [&](std::optional<std::uint32_t>& field, std::uint32_t least, std::uint32_t most) {
    if (random.chance(1, 2)) field = least + static_cast<std::uint32_t>(random.below(most - least + 1));
  };
  const auto host = [&]() -> std::string {
    static constexpr const char* kHosts[] = {"10.0.0.1", "target-7.example.org", "fe80::1%eth0", "::1",
                                             "2001:db8::42"};
    return kHosts[random.below(std::size(kHosts))];
  };
  for (int i = 0; i < 3000; ++i) {
    Target t;
    t.address.id_ext = random.next() >> random.below(64);
    t.address.ioc_guid = random.next();
    if (random.chance(1, 4)) t.address.io_class = 0xff00;
    if (random.chance(1, 2)) t.overrides.initiator_ext = random.next();
    maybe(t.overrides.queue_size, 1, 0xfffffffe);
    maybe(t.overrides.max_it_iu_size, SessionOptions::kLeastItIuBytes, SessionOptions::kMostItIuBytes);
    maybe(t.overrides.cmd_sg_entries, 1, 255);
    maybe(t.overrides.tl_retry_count, 2, 7);
    maybe(t.overrides.ch_count, 1, 64);
    switch (random.below(3)) {
      case 0: {
        RdmaCmAddress rdma_cm{host(), static_cast<std::uint16_t>(1 + random.below(65535)), ""};
        if (random.chance(1, 2)) rdma_cm.source_host = host();
        t.address.transport = rdma_cm;
        break;
      }
      case 1: {
        IbCmAddress ib_cm;
        ib_cm.dgid = PortId::make(random.next(), random.next()).bytes;
        if (random.chance(1, 2)) ib_cm.sgid = PortId::make(random.next(), random.next()).bytes;
        ib_cm.pkey = static_cast<std::uint16_t>(random.next());
        ib_cm.service_id = random.next();
        t.address.transport = ib_cm;
        break;
      }
      default: {
        RamAddress ram;
        ram.block_size = 512u << random.below(8);
        ram.size_bytes = (1 + random.below(1u << 30)) * ram.block_size;
        ram.luns = 1 + static_cast<std::uint32_t>(random.below(256));
        ram.flood = static_cast<RamFlood>(random.below(6));
        t.address.transport = ram;
      }
    }
    INFO(t.to_uri());
    REQUIRE(parse_target(t.to_uri()).value() == t);
    REQUIRE(parse_target(t.to_login_string()).value() == t);
  }
}
