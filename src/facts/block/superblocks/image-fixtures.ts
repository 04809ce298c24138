// Sectors of images made by mkfs.f2fs, mkntfs, mkfs.exfat, cryptsetup, xorriso and pvcreate.
//
// Test data. Kept so that the tests need none of those packages: the parts that are not zero, deflated
// (raw) and in base64, from which a sparse image is made that blkid(8) reads too. Tools of Debian 12.

export interface ImageFixture {
  readonly name: string
  readonly sizeBytes: number
  /** Byte offset, and base64 of deflated bytes. */
  readonly chunks: readonly (readonly [offset: number, deflated: string])[]
}

// prettier-ignore
export const imageFixtures: readonly ImageFixture[] = [
  {
    name: 'f2',
    sizeBytes: 67108864,
    chunks: [
      [1024, 'E1D4+omRgZ+Bk4GBgZmBgYGHgQHMZoRiMHCAUBIMDAzyDAwMTEiYESoOF2BjYGDgYmBg4GNgYBCAmMkIlbJsqC/geOZ8dlnxL5njjFe6UxnSGNIYRsFAAgA='],
      [2048, '5ZDPTsMwDMbzKJbg0Eqs2p9SwW0wpgmJThWDAyeUNlmUrU1K06ZlT48ap8+ABL784s/O5ziE/F5cE0KqGs99hdQCefI6tdKxiq0nFqqzzzWy57lz6OnURx1XAvt13ZmRx5IWI4U8Or1WONBYMfm4CyfauJzx3FEa7Sgu+K7B82Ja9GHe79vZk7adiDofOO5Tnx0L1XodfTXjw0jr6ccRhuOJrdgZ6/gfX4Xul+RvxItU3QCWN0ZqBUm0uIvieHYsZjZJ7iHIO1ky3qwNVSzXg1QihEAUBQS7zSaExW20iuY3sNu/Q8kgGPkoVdfK0oSwjOIkhKsFHNIMstftNs3ePp8+9g/p8wbW83+//w8='],
      [3584, 'Y2AYBoCFYRSQCQA='],
      [5120, 'E1D4+omRgZ+Bk4GBgZmBgYGHgQHMZoRiMHCAUBIMDAzyDAwMTEiYESoOF2BjYGDgYmBg4GNgYBCAmMkIlbJsqC/geOZ8dlnxL5njjFe6UxnSGNIYRsFAAgA='],
      [6144, '5ZDPTsMwDMbzKJbg0Eqs2p9SwW0wpgmJThWDAyeUNlmUrU1K06ZlT48ap8+ABL784s/O5ziE/F5cE0KqGs99hdQCefI6tdKxiq0nFqqzzzWy57lz6OnURx1XAvt13ZmRx5IWI4U8Or1WONBYMfm4CyfauJzx3FEa7Sgu+K7B82Ja9GHe79vZk7adiDofOO5Tnx0L1XodfTXjw0jr6ccRhuOJrdgZ6/gfX4Xul+RvxItU3QCWN0ZqBUm0uIvieHYsZjZJ7iHIO1ky3qwNVSzXg1QihEAUBQS7zSaExW20iuY3sNu/Q8kgGPkoVdfK0oSwjOIkhKsFHNIMstftNs3ePp8+9g/p8wbW83+//w8='],
      [7680, 'Y2AYBoCFYRSQCQA='],
    ],
  },
  {
    name: 'nt',
    sizeBytes: 8388608,
    chunks: [
      [0, 'ex00wS/ELVhBQUGBgYmDAQJ+MKCABoYGhv/2EDYLVOw/M4T+xsDAwMjAwPA7V67gQ+ilIJAYn/y+wpo1SgdKuMO28O1mZzgrEPf6g9GTs2JnJV//C8nILFbILFbIyy9RSFRIys8vSUzKSVVIySzO1lMIyElNLE5VyMwrTi1CkU7LyS8oqFRIzEvh5SooSi0uVkjMq1TITq1UKMlXKCmqVEhMT8zMU9DT01Pg5WIYBUSC0FUA'],
      [8192, '+/+fgZ1hFIxYAAA='],
      [16384, '7ZzPbxtFFMe/M+u13TRtndRAWg7YVRTlgMASHHpMaRrFVdomKaAcE4hDA2liJY6IKgQ+wi1HbvTIsRIXjv0TOCIE4l/IkQPCsPMrM7PrGKfrOI7fk5zZrMdvfmQ/b957mfFcdeFeBQG0MDDcBsP3DEDG3DaXXJUFAKviakL8nNdX99/989mzP1i7MosEYfFbFQBPjH6O++KKIRT3wo7toK4UbclCt5sJJvEAc/hQ/d5UfWeYcTqi68/oG54+XY7l5My8cPQEsfEYPQVZ5OGWY0zObKvVauHMhINkmIVjrg3/Kx7/gaLjLPmvW/wvd8t/weVNt5s3/D/AJnax28EOtOPXL8usFZw9v8Q/Sbr88xP454PEP0pKUynG/wJ28BnmsIkt1Drw32Ie/55eXd4CF9NF/JMMMv+B4v9Xj/+sZQM0//MW/5VT8u/6+QyLXXPuitafCybxMXawhX08RU3obVr2ZN20mGlG49DxQFG8+74aZxE/sHEw2Uo4rj4v7skKYUR/icOp478HZSunTfsZjKirbTRQwgb2rDDjuF6IUTPD6u/Dju3VhKkXmKvu7A/xT/y7/GcU/y8T4v9Mj/hPxc8fifv5d9BAA7uYRQ0b6r5rB4L/bQe+Q9wOiHtd2oGu44wRtyyzLEsvziD+iX+X/1DwH8hHw1v/wxT4n0rgf9Va/2dfff0X5LDgHcP7MW88FnLMeG792wW3LHO54h4CWBGGUNqN2+ojk6jiPVTEOJiaGKbmZ1q97E5OeNnB56qPLDOjZtiV+Q55B91+mYVM5yGnTT8zIr9o91P3RdoP4p/4d/nPqvV/MSH+z/Yx/794Wr+AxeOCD7CJBp5i7T/Po+v1mLllmeVSXI8p/ifpL/85xf/PCf5/rufxP8dCt5x76TitPxSc72AHjXPt97fzQ/xyjNvrNvFP0hv+84r/gwT+833L/wenyP8n5wXzwi6sYR13RW5wD5InN5/GzVXT8c+P1f6T8/zzo2/cEto/l63xVq4H/BL/JOnyf0nwfwk/evF/KN5Lhf9SDP+O/n8q/xcoaf//MWr4FPvYRc3jm8f8/uP4W07G33DLSNssHqN8J2/yBC+sPMGhib+jelLbuJcnaBrfJBpjUY1f7gxamvxJzI8udb2vAFRRjdU/Gg/+ihTrEl59O5zh4KJ/z618QdPqr65f8Ppbt7ZDFVX70/phadO2X6/dmNz+DWpcNbj8j5yw/2+kb/F/cAr+ubPG2fH/R6jjLtawp/hP8svf8v1yT58uy6Uqs/17hNJ/KKk8XJR328YGdjy3fnTzzS++/Pr33/xx0/4/kn7yf1nl/5s8nv+73CP+z2j9L2j+7+EADdSwjXWx/slYR3K7wjrn9eeZfEVyQxmwVTxU86d+dtm/KWUassEkHuETfI6qyVGkrX8J+yIvsgaOm0r/ExFhvbr+KL5aRg11rGFXWFhXaF0/3/xH+02i9b+UkP8f7UH+r9/7cty4n5mr4Xg+af0n/l3+r5zA/xXin/gnudD8Xz2B/6vEP/FPcqH5v3YC/9eIf+Kf5ELzXxD8A9/C5Z95T0xa/FMeiPgnOT/8jxH/xD/J0PI/TvwT/yRDy/914p/4Jxla/ovEP/FPMrT8v0b8E/8kQ8v/68Q/8U8ytPy/QfwT/yRDy7/8/u8rqPP4+b+JFM7/TJ3y/O9Ddf4n3fMv8rzugZgKec5wxZx/fWQ+Owbv/I91LrikJmlafUFQbI8Rcwesz79E7R6Zdjl+Me0uOXXtdl+ql8zTVNS8Z4x95v5RSjUXLU/sv39RnXBcsc7vdqsnaV+VP16y84PFf9L3f9+4IPzb5+sO1R5EzWElgf/rHoclxAcxmM85rf/EfzL/qwn83zxj/usW/8sp8d/ufGp7O7B8ge0A8T/s/P8L'],
    ],
  },
  {
    name: 'exf',
    sizeBytes: 8388608,
    chunks: [
      [0, 'e102wTXCzTFEQUGBgSLgAKU5GBgEQDSIYGNgYGVgYEi5I/ebgZGBgZOZsYFhFAwiELpqNAxG438UjMb/KBiN/1EwGv+jYDT+R8Fo/I+C0fgfBcM//v+PghENAA=='],
      [5632, 'O2avNenYKB6x+HXZBNcIN8cQBQUFBoqAA5TmYGAQANEggo2BgZWBgSHljtxvBkYGBk5mxgaGUTCIQOiq0TAYjf9RMBr/o2A0/kfBaPyPgtH4HwWj8T8KRuN/FAz/+P8/CkY0AAA='],
      [11776, 'O2avNenYKB6xGAA='],
      [2109440, 'a2ZOZahgSGPABRqxiDExMDAcgLKbGBgYeC9LPkOWZ2ZgYDgjxjAKhgAAAA=='],
    ],
  },
  {
    name: 'l1',
    sizeBytes: 20971520,
    chunks: [
      [0, '8wn1Dt61j4ExMbWYAR+oKCnWLchJzMwzM8EqX5yRaGRqhs8EARDhcCy9ZnHMIQvFM60mdY5LWB9MKmafF168bI6B3lW5DVkmeU9ZmY/+Vl68JnNr0WTFYzmTS4rU0xgYmF+YGxklmSSmmegamVqk6ppYGqXoJllYJOsaGxmnplgYmJubWUActqbwM0i9qYli5J13TtfDnp6RO/N90TXnzjxWpYTL/iJHG98XcgiJMTAwcDAw8C9gYLi3loEowMRAmnrmH6SpZ/1Amnr2F6Sp53xAmnruG6Sp570AUT8KhhIAAA=='],
    ],
  },
  {
    name: 'l2',
    sizeBytes: 20971520,
    chunks: [
      [0, '8wn1Dt61j4GJAQwcGKCAOScph4EUUJyRaGRqhlteL2d14CXjIrYr8sriUUvfrY9MWeCq8ynnFcvpFRvE8s1ty23SuCObNY1fvL93k4vt0+R/7LbJ/ydKmrapXFOJWdd83jLN2CzNKDlJ1zzF2EjXJNXCXNciydRc18LcxMjCwjLRxNTSkGEEglfzbrV/3nlxWeAjzTecx/41FTpXW/DKCbutvO11h31a+AtC+gE='],
      [4096, '7ZHfbpswFIf3LOd2rgrEBWKpFxlZlClL1z8qaztNlUcMcQ0YcZwQiHj3yVHWsvaie4D5wpKP7ePv+3kPSrSYa4PA9uDYybSVAAb5RqEHxO4/ouwEMJ8S4OmrIy4QQFPLSiAw6jgOgTXHNTDANffOfOgJ8FrwwbWaN0BApykKAwxGXuCHtsvhEfDOQofatSiTuq2M1CUw4AJPdgZPqpzL0qevuHoCajUkq36pVWrp/2YhII2oue2JwNwDLfLcUkzn+W68MepqKkdGN0URPVxHzWJxlS3bmXJl8fHpdhw2c9VNzqHvewJGK2Hb7HsCKLJClG9DPBgMZV0/CALP9V98V23JC5lYtu2jaQRXwMB53x9FYnR9jIA6Y98yrWQm8C3Gcxwvn/0DHPg5BD8W/jmweDG96LztRTz5dC/dSxp54m7+lQbdZsdPpWzjm+syjjq5jdQ5/CEDBtv4Tn77klTB/YRny9PPMz1r80Zn2eyyqZa1xO8PG1xkAY5ubdAEEl2mMrM2T6jLozC4nheGA6Pnuh9QSmkIff/h/3h3/AY='],
      [16384, 'C/YO9dm1j4GJAQwcGKCAOScph4EUUJyRaGRqhlv+/dvD6ueeb7xsv2vnqa1uN1Rtlzzif+OtVP2Gs+m54BdvPmn2baxbfu5dp8N8M619/6YL82+U+9Ty7N7+YXpPxd3kjcGWacZmaUbJSbrmKcZGuiapFua6Fkmm5roW5iZGFhaWiSamloYMZAMHhqEK/pqsenmSx2Cq4Wc736hDAvsnX50epDTn153PiTObCi9YVBPSDwA='],
    ],
  },
  {
    name: 'iso',
    sizeBytes: 376832,
    chunks: [
      [32768, 'Y3R2MTAwZGRQIAB8K+N9EpNSc3DJM0DBDhQKN2BkYGAEYQYODgYuiBCXKEJaDEQoMQhDeMIMHCCKg6GOW4yHV4KBCaZfYYSDCP+gIM9gf11DPVM9EwUjAyNDPQNDPWMDPUNTAwMDQx0FH08nz2B/p9AgP4gamIhbMBIfIa0wCvABIwMjM0NDIyNDI0NjIxMDAwYMAQM0gCkwmmhHOmAYTAAA'],
      [34816, '5ZC5CsJQEEXPswpRW5fuIdhpnPdM/IC4gOACEcFOFOz8ARu/y8+TLLgkoI2F4r3MDHPvzBRTGo5EjAL9hnNObJmxY8+BY8HPcMlKuzfmFRSoOHAc3FRyG3e7GacW9bSr48TF4VyuVaoNSrd9/efcsCQiYsqKJV0MHgEePhqLYBNFktxH8DAESEJDB82MKWG2H7ImYvF0Jz8zYfXg/8KPPjdkxQ6MsdZY07e+SFGQHIqC4qtwBQ=='],
      [36864, '++/sYmBgyMgwCkYmAAA='],
      [38912, 'a2EQZgADYQYOEMXBUMctxsMrwcDEwMDIwMDIyBAcwM647z1DQIQK41tHkBLHt4wQLVAKAULcpBj5oPpRKWdXGUYRiCIRmOq3MCqBkBsYKbM8i0ERokSRGUIzQyUgxjCyuOlZG4I9uKQRJNa4hHQ7/HzZGBnSGIYcAAA='],
      [40960, '7Y1BTkMxDETpllPMCSp12WVwJv0WSRzZ/hVdcRxOyx1Qi5AQZ2BWbzHzhv55eM6Pg7uu99P5fCq5EW7yCtd6IXQmXbYyL8RySxPrd7hqZSD2tcwTzRzLQt/QtBNxi+RAcJSZKrE6SxBiM4skqoZg7S9dY6M/xrEo2lRKqk2E7S48AkH+KmrlTG16x4nlOorfcLW+D6IyxHWlfQt/vnQ28/HQHp/+8zdf'],
      [43008, 'Y2QQZmBgYGQYBSMTAAA='],
      [45056, 'Y2RgYGAQZmBkGAUjEgAA'],
      [47104, 'U2IQZwADcQYOEMXBUMctxsMrwcDEwMDIwMDIyKBESAWjCoMiRIUiM4RmhqpggKhgYkhjGAWDEwAA'],
      [49152, 'Y2QQZ2BgYGQYBSMTAAA='],
      [51200, 'Y2RgYGAQZ2BkGAUjEgAA'],
      [67584, 'y8jkYhgFIxcAAA=='],
    ],
  },
  {
    name: 'lv',
    sizeBytes: 8388608,
    chunks: [
      [512, '83F0cvXx93NlZICAmW8W5iowMDD4hPkaKRgYGGakZPj4V5VXBPinpnmnlxYbWhSbOVeWOJuVhTmGWqR5MTA0QHUKMOAFMOkP/FilmRhGwUAAAA=='],
      [4096, 'E7vWd1vBJ8zXSKEi2tRRtcjAT8uOkYGBgUGAAQI+8DOMguELAA=='],
    ],
  },
]
