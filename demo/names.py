"""The people of the demo: all made up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    locale: str = "zh-CN"
    time_zone: str = "Asia/Shanghai"
    country: str = "CN"
    has_phone: bool = True


def _abroad(name: str, time_zone: str, country: str, locale: str = "en") -> Person:
    return Person(name, locale, time_zone, country)


_CHINESE = (
    *("王秀兰", "李建军", "张雨桐", "刘志强", "陈思远", "杨海燕", "赵文博", "黄晓梅", "周国栋", "吴佳怡"),
    *("徐明辉", "孙丽娟", "马俊杰", "朱婷婷", "胡永强", "郭子涵", "何春生", "高雅静", "林家豪", "罗素芬"),
    *("郑浩然", "梁月华", "谢天宇", "宋慧敏", "唐小龙", "许静雯", "韩立新", "冯玉珍", "邓宇航", "曹欣怡"),
    "阿依古丽·买买提",
    "欧阳若兰",
)
_ENGLISH = ("Alice Morgan", "Daniel Reed", "Grace Lim", "Oliver Stone-Hart", "Priya Nair", "Samuel Okoro")

PEOPLE: tuple[Person, ...] = (
    *(Person(name) for name in _CHINESE),
    *(Person(name, locale="en") for name in _ENGLISH),
    Person("沈默", has_phone=False),
    _abroad("Tan Wei Ming", "Asia/Singapore", "SG"),
    _abroad("Nurul Huda", "Asia/Singapore", "SG"),
    _abroad("Bartholomew Featherstonehaugh", "Europe/London", "GB"),
    _abroad("程远航", "Europe/London", "GB", "zh-CN"),
)
